"""How artefacts are written and read."""
