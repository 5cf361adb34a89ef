"""The MCP server: the engine's reads, and proposals, as tools for an assistant."""
