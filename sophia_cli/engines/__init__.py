"""The embedded PostgreSQL and Valkey: find, start, adopt, stop."""
