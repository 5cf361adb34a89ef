"""News of several vendors behind one port, cleaned, each story once."""
