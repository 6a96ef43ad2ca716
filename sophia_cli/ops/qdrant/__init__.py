"""What is known of Qdrant in operations: its configuration, its peers, and when they are well."""
