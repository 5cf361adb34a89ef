"""The daemon: the service, its jobs and models in production, and their wiring."""
