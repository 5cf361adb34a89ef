"""The backtest's commands: settings in, studies and reports out."""
