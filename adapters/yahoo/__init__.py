"""Yahoo: bars, quotes, news."""
