"""Alpaca: bars, quotes, news, orders."""
