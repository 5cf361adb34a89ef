"""The RL ensemble: environment, training, artefacts, votes."""
