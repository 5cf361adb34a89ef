import numpy as np

from agents.agent import centred_ranks


class Momentum:
    name = "momentum_12_1"

    def signals(self, view, symbols):
        close = view.bars.close
        if len(close) < 253:
            return {}
        columns = [view.bars.column[symbol] for symbol in symbols]
        year_without_last_month = close[-22, columns] / close[-253, columns] - 1
        return dict(zip(symbols, np.clip(centred_ranks(year_without_last_month), -1, 1)))
