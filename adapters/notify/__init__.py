"""Messages to a person and signs of life to a dead man's switch; the only home of apprise."""
