"""Everything outside: one vendor library each."""
