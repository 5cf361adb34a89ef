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
        How much of an Alpaca account's cash is the engine's to begin with, US dollars; the rest is left alone.
    capital_share : float
        Where no `capital_usd` is set: the engine's share of the account's cash, and of what is paid in or out.
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
