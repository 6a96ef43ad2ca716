"""Operating a cluster over SSH: the hosts, what is known of them, and the one gate of change."""
