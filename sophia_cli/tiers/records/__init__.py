"""The system of record: PostgreSQL. Everything else is derived from it."""
