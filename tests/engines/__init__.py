"""The engines, each test with real ones."""
