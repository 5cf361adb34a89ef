"""The whole pipeline over history: `python backtest_pipeline.py --help`."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    from backtest.app.cli import main  # spawned workers import this file and need none of it

    sys.exit(main("pipeline"))
