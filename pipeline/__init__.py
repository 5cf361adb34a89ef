"""The step, the engine, and their wiring."""
