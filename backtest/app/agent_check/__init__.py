"""The check of one agent: does it look ahead, is it the same each time, how quick is it, what is it worth."""
