"""`sophia mcp install`: the configurations of editors, changed without harm to what is in them."""
