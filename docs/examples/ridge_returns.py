"""A scikit-learn model: fitted each 21 sessions on the bars until then, asked each session."""

import numpy as np
from sklearn.linear_model import Ridge

HORIZON, LOOKBACKS = 5, (5, 21, 63)


def features(close):
    """Return over each lookback, and how far below its yearly high a stock is: (sessions, symbols, 4)."""
    out = np.full((*close.shape, len(LOOKBACKS) + 1), np.nan)
    for place, sessions in enumerate(LOOKBACKS):
        out[sessions:, :, place] = close[sessions:] / close[:-sessions] - 1
    windows = np.lib.stride_tricks.sliding_window_view(close, 252, axis=0)
    out[251:, :, -1] = close[251:] / windows.max(axis=-1) - 1
    return out


class RidgeReturns:
    name = "ridge_returns"
    fit_sessions = 21

    def fit(self, history):
        """Learn what followed in five sessions; the last five of the history have no outcome yet."""
        close = history.close[-756:]
        x, y = features(close)[:-HORIZON], close[HORIZON:] / close[:-HORIZON] - 1
        y = y - np.nanmean(y, axis=1, keepdims=True)
        known = np.isfinite(x).all(axis=-1) & np.isfinite(y)
        self.model = Ridge(alpha=10.0).fit(x[known], y[known])

    def signals(self, view, symbols):
        """Score by the expected return, as its place among the others."""
        x = features(view.bars.close[-253:])[-1, [view.bars.column[symbol] for symbol in symbols]]
        known = [place for place in range(len(symbols)) if np.isfinite(x[place]).all()]
        if not known:
            return {}
        expected = self.model.predict(x[known])
        places = expected.argsort().argsort()
        return {
            symbols[i]: 2 * place / max(1, len(known) - 1) - 1 for i, place in zip(known, places, strict=True)
        }
