"""`python -m pipeline.memory rebuild`: the graph written anew from the ledger."""

from __future__ import annotations

import sys

from pipeline.bootstrap.memory_command import main

if __name__ == "__main__":
    sys.exit(main())
