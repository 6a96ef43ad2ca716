"""The vector tier: the Qdrant engine in process (`edge`) or on servers (`server`)."""
