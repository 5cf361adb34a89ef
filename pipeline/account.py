"""The broker's account in the portfolio's place: what is reported is not falsified by it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from msgspec.structs import replace

from core.money import to_cents
from core.types import Portfolio, Position


def with_account(ours: Portfolio, cash: Decimal, positions: Mapping[str, Position]) -> Portfolio:
    """Return the portfolio with the broker's cash and positions; its breakers measure losses from here on.

    The reported drawdown and daily return stay as they are: what the two accounts differ by was neither won nor
    lost, as with a deposit.
    """
    theirs = replace(ours, cash=cash, positions=positions)
    return replace(
        theirs,
        session_open_equity=rescaled(ours.session_open_equity, ours.equity, theirs.equity),
        peak_equity=rescaled(ours.peak_equity, ours.equity, theirs.equity),
        last_equity=theirs.equity,
    ).rebased()


def rescaled(figure: Decimal, before: Decimal, after: Decimal) -> Decimal:
    """Return a past equity, to the cent, at the same distance from the equity after a deposit or withdrawal."""
    return after if figure == before or not before else to_cents(figure * after / before)
