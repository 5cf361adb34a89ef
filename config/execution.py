"""`execution` in `config/trading*.json`: how orders are sent."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from config.frozen import Frozen


class ExecutionSettings(Frozen):
    """How entries are ordered. Exits are always market orders: what is to be sold is sold.

    Attributes
    ----------
    entry : str or None
        `market`; `limit_collar`: a limit a little above the price that the decision stood on, so that it trades
        near it or not at all; `opening_auction`: decided before the open and traded in its auction. None for what
        suits the broker: `limit_collar` at Alpaca, `market` at the built-in paper broker.
    collar_bps : float
        How far the limit lies above the price, basis points.
    whole_shares : bool or None
        Whether only whole shares are bought. None for what suits the broker: at Alpaca they are, since no stop
        can rest over night for a fraction.
    """

    entry: Literal["market", "limit_collar", "opening_auction"] | None = None
    collar_bps: Annotated[float, Field(ge=0, le=1000)] = 50.0
    whole_shares: bool | None = None
