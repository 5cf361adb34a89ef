"""Where the portfolio stands at each limit: what is observed now, and what share of the limit that is."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from config.risk import RiskSettings
from core.settings_access import LimitStanding
from core.types import Portfolio, Side
from risk.budget import UNCLASSIFIED


def standings(
    portfolio: Portfolio, settings: RiskSettings, sector_of: Mapping[str, str], faults: int
) -> Mapping[str, LimitStanding]:
    """Return what stands against each limit, by dotted key; limits of one order alone have none.

    Parameters
    ----------
    sector_of : mapping of str to str
        Sector by ticker.
    faults : int
        Failed steps in a row.
    """
    limits, day, breakers = settings.portfolio_limits, settings.daily_limits, settings.circuit_breakers
    names = {*portfolio.positions, *(order.symbol for order in portfolio.pending if order.side is Side.BUY)}
    values = {symbol: held.value for symbol, held in portfolio.positions.items()}
    sectors: dict[str, Decimal] = {}
    for symbol, value in values.items():
        sector = sector_of.get(symbol, UNCLASSIFIED)
        sectors[sector] = sectors.get(sector, Decimal(0)) + value
    largest_position, largest_sector = _largest(values), _largest(sectors)
    invested = sum(values.values(), Decimal(0))
    return {
        "portfolio_limits.max_positions": _at(len(names), limits.max_positions),
        "portfolio_limits.max_exposure_pct": _at(_share(invested, portfolio), limits.max_exposure_pct),
        "portfolio_limits.max_sector_pct": _at(
            _share(largest_sector[1], portfolio), limits.max_sector_pct, largest_sector[0]
        ),
        "position_sizing.max_position_pct": _at(
            _share(largest_position[1], portfolio), settings.position_sizing.max_position_pct, largest_position[0]
        ),
        "daily_limits.max_daily_trades": _at(portfolio.trades_today, day.max_daily_trades),
        "daily_limits.max_daily_loss_pct": _at(portfolio.breaker_daily_return, day.max_daily_loss_pct),
        "circuit_breakers.max_drawdown_pct": _at(portfolio.breaker_drawdown, breakers.max_drawdown_pct),
        "circuit_breakers.max_consecutive_faults": _at(faults, breakers.max_consecutive_faults),
    }


def _at(observed: float, limit: float | None, largest: str = "") -> LimitStanding:
    """Return how much of a limit is used; a gain uses nothing of a loss limit, and a limit of 0 is used up."""
    if limit is None:
        return LimitStanding(observed=observed, used_pct=None, largest=largest)
    used = max(observed / limit, 0.0) if limit else 1.0
    return LimitStanding(observed=observed, used_pct=used, largest=largest)


def _largest(values: Mapping[str, Decimal]) -> tuple[str, Decimal]:
    return max(values.items(), key=lambda one: (one[1], one[0]), default=("", Decimal(0)))


def _share(usd: Decimal, portfolio: Portfolio) -> float:
    equity = portfolio.equity
    return float(usd / equity) if equity > 0 else 0.0
