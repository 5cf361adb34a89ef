"""Causal factors, computed once for a whole panel."""
