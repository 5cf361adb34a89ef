"""The command line: one module per group of commands, thin over the daemon's HTTP interface."""
