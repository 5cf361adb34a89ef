"""Recorded bars from parquet files."""
