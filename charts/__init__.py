"""Drawing; what it draws is git-ignored."""
