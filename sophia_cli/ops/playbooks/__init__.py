"""Playbooks: what each phase does to the hosts, read from YAML and filled in for one host."""
