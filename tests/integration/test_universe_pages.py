"""The universe files that the how-to shows can be used as they stand."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from config.universe import read_universe
from core.universe import Alias, Span, Universe

PAGE = (Path(__file__).parents[2] / "docs" / "howto" / "universe.md").read_text("utf-8")
SHOWN = re.findall(r"```(json|csv)\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def shown(tmp_path: Path) -> list[Universe]:
    folder = tmp_path / "user" / "universes"
    folder.mkdir(parents=True)
    for place, (kind, text) in enumerate(SHOWN):
        (folder / f"shown{place}.{kind}").write_text(text, "utf-8")
    return [read_universe(f"shown{place}", tmp_path / "config") for place in range(len(SHOWN))]


def test_each_file_is_the_universe_that_the_page_describes(shown: list[Universe]) -> None:
    by_sector, spans, lists = shown
    assert by_sector.stocks == ("NVDA", "TXN", "XLNX", "META", "PINS", "GLD")
    assert by_sector.etfs == ("SMH", "XLC")
    assert by_sector.membership == {"XLNX": (Span(date(1999, 11, 8), date(2022, 2, 14)),)}
    assert spans.sector_of == {
        "BRK.B": "Financials", "XLNX": "Information Technology", "META": "Communication Services",
    }  # fmt: skip
    assert spans.aliases == by_sector.aliases == (Alias("FB", "META", date(2022, 6, 9)),)
    assert lists.membership["RHT"] == (Span(date(2019, 1, 1), date(2019, 7, 31)),)
    assert lists.membership["GL"] == (Span(date(2019, 8, 1), None),)
