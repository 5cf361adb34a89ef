"""The event stream inside the process."""
