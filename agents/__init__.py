"""The agents: opinions only."""
