"""Backtests: the same `Engine.step` under a clock moved by hand."""
