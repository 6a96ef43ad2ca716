"""A lab of real hosts on one machine: containers with systemd, sshd, sudo and their own docker.

It is built from Debian's packages alone; no registry of images is asked. `python -m tests.lab` is
its command line, `lab.Lab` its face for tests.
"""
