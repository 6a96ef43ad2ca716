"""What every face but the command line speaks: requests, who may make them, and their results.

REST, MCP and the Python client parse into the requests, call `Memories`, and carry its results.
"""
