"""One module a group of endpoints."""
