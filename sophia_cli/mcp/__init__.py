"""MCP: the memory as tools, resources and prompts of an editor's assistant.

Protocol and transports are those of the official SDK. Importing it takes most of a second, so only
rooms that speak the protocol do, and the resident process has it loaded before it is needed.
"""
