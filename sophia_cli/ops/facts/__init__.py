"""Facts: what is read of a host, one file each; nothing here changes anything."""
