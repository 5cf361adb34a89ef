"""Start = recover: the broker's orders and positions against the ledger, before anything is decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from core.cycles import RECOVER
from core.types import OrderStatus, Portfolio, TradingState
from pipeline.engine import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """What the start found and what it did.

    Attributes
    ----------
    mended : tuple of str
        Known differences, put right and written down.
    differences : tuple of str
        What nothing explains: the engine stays HALTED until a person says `POST /resume`.
    """

    mended: tuple[str, ...]
    differences: tuple[str, ...]


def recover(engine: Engine) -> Recovery:
    """Bring ledger and broker together.

    The fills that came while we were away are booked first; an order that was written down but never
    reached the broker is cancelled, not sent late; positions that still differ halt the engine.
    """
    unsent = [record.client_order_id for record in engine.parts.ledger.unsent_orders()]
    report = engine.step(RECOVER)
    mended = [
        f"booked the fill {fill.fill_id} ({fill.side.value} {fill.quantity} {fill.symbol}) of while we were away"
        for fill in report.fills
    ]
    book = engine.parts.broker.account()
    mended += _settle_unsent(engine, unsent)
    differences = position_differences(engine.portfolio, book)
    if differences:
        engine.set_state(TradingState.HALTED, "reconciliation: " + "; ".join(differences))
    return Recovery(mended=tuple(mended), differences=differences)


def _settle_unsent(engine: Engine, unsent: Sequence[str]) -> list[str]:
    known = engine.parts.broker.statuses(unsent)
    statuses = {name: known.get(name, OrderStatus.CANCELLED.value) for name in unsent}
    engine.parts.ledger.mark(statuses)
    return [f"order {name} was recorded but not seen as sent: now {status}" for name, status in statuses.items()]


def position_differences(ours: Portfolio, theirs: Portfolio) -> tuple[str, ...]:
    """Compare quantities held, symbol by symbol, and cash to the cent."""
    out = []
    for symbol in sorted({*ours.positions, *theirs.positions}):
        mine = ours.positions[symbol].quantity if symbol in ours.positions else Decimal(0)
        broker = theirs.positions[symbol].quantity if symbol in theirs.positions else Decimal(0)
        if mine != broker:
            out.append(f"{symbol}: the ledger holds {mine}, the broker {broker}")
    if ours.cash != theirs.cash:
        out.append(f"cash: the ledger has {ours.cash}, the broker {theirs.cash}")
    return tuple(out)
