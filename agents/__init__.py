"""The agents: signals only, never orders."""
