"""The connection to a host: commands, files and TCP over SSH, every host key verified."""
