"""What is served, a file a subject."""
