"""Where orders go, how much of the account is the engine's, and what the paper broker charges."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from config.frozen import Frozen


class BrokerSettings(Frozen):
    """Which orders are real, and what the built-in paper broker charges.

    Attributes
    ----------
    name : str
        A registered broker: `paper`, `alpaca`, `dry_run`, or your own; empty: as the keys and switches say.
    cash_tolerance_pct : float
        Share of equity by which Alpaca's cash may differ from the ledger's; beyond it entries stop.
    capital_usd : float or None
        How much of an Alpaca account's cash is given to the engine, US dollars; the rest is left alone. Changed
        later, the next start moves the difference as far as there is cash for it: no profit and no loss.
    capital_share : float
        Where no `capital_usd` is set: the engine's share of the account's cash at the first start, and of what is
        paid in or out. Changed later, it holds for what is paid in or out from then on.
    initial_cash_usd : float
        What the built-in paper broker's account begins with; one that has begun keeps what it has.
    spread_bps, slippage_bps : float
        Full bid-ask spread (3 is typical of S&P 100 names) and extra slippage, in basis points; each fill pays
        half the spread and all of the slippage, so a round trip costs 7.
    """

    name: str = ""
    mode: Literal["paper", "live"] = "paper"
    cash_tolerance_pct: Annotated[float, Field(ge=0, le=0.05)] = 0.005
    capital_usd: Annotated[float, Field(gt=0)] | None = None
    capital_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    initial_cash_usd: Annotated[float, Field(gt=0)] = 100_000.0
    spread_bps: Annotated[float, Field(ge=0, le=500)] = 3.0
    slippage_bps: Annotated[float, Field(ge=0, le=500)] = 2.0
    fee_bps: Annotated[float, Field(ge=0, le=500)] = 0.0
    fractional_shares: bool = True
