"""Tax lots against cases computed by hand, to the cent."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from config.taxes import TaxSettings
from core.lots import LotSale
from core.orders import Fill, Side
from core.tax_lots import LotTracker

CASES: list[dict[str, Any]] = tomllib.loads(Path(__file__).with_name("tax_lots.toml").read_text("utf-8"))["case"]


def fill_of(number: int, line: str) -> Fill:
    day, side, quantity, symbol, price, *more = line.split()
    others: Mapping[str, str] = dict(one.split("=", 1) for one in more)
    return Fill(
        fill_id=str(number), client_order_id=others.get("order", ""), symbol=symbol, side=Side(side),
        quantity=Decimal(quantity), price=Decimal(price), fee=Decimal(others.get("fee", "0")),
        at=datetime.fromisoformat(f"{day}T15:00:00").replace(tzinfo=UTC), rule=others.get("rule", "score"),
    )  # fmt: skip


def line_of(sale: LotSale) -> str:
    money = (sale.proceeds_usd, sale.basis_usd, sale.disallowed_usd, sale.gain_usd)
    figures = " ".join(f"{usd:.2f}" for usd in money)
    term = "long" if sale.is_long_term else "short"
    return f"{sale.quantity.normalize():f} {sale.acquired or 'unknown'} {sale.sold} {figures} {term}"


def test_there_are_at_least_forty_and_each_has_its_name() -> None:
    assert len({case["name"] for case in CASES}) == len(CASES) >= 40


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_the_lots_are_those_computed_by_hand(case: dict[str, Any]) -> None:
    settings = TaxSettings.model_validate(
        {"lot_method": case.get("method", "fifo"), "specific_lots": case.get("named", {})}
    )
    lots = LotTracker(pick=settings.pick_lots)
    for number, line in enumerate((fill for fill in case["fills"] if " dividend " not in fill), start=1):
        lots.add(fill_of(number, line))
    left = [
        f"{symbol} {lot.quantity.normalize():f} {lot.acquired} {lot.held_since} {lot.basis_usd:.2f}"
        for symbol, lots in lots.lots.items()
        for lot in lots
    ]
    assert [line_of(sale) for sale in lots.sales] == case["sales"]
    assert left == case["left"]
