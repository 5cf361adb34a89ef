"""How a backtest is measured: performance, significance, and the null it has to beat."""
