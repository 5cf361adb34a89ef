"""The jobs, one line each."""
