"""sophia.yaml: its model, how it is loaded, where each value came from, and secrets."""
