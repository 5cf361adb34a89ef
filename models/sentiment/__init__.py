"""Sentiment of headlines: FinBERT, and a lexicon without it."""
