"""How a backtest is judged: performance, significance, and the null it has to beat."""
