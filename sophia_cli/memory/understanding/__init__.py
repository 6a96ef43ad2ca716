"""What a question says: who it names, when it means, what it asks for."""
