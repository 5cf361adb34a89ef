"""Brokers: they take orders and say what became of them."""
