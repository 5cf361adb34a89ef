"""Universes: the default, indices from a package, the user's files; what is wrong is named."""

from __future__ import annotations

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from config.loader import FOLDER, digest, load_trading
from config.trading import TradingSettings
from config.universe import DEFAULT, read_universe
from config.universe_index import ETF_OF_SECTOR
from core.errors import SettingsError
from core.universe import BENCHMARK, OTHER, Alias, Sector, Span, Universe


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "config"
    made.mkdir()
    for name in ("trading.default.json", "risk.default.json", "universe.default.json"):
        shutil.copy(FOLDER / name, made / name)
    shutil.copytree(FOLDER / "profiles", made / "profiles")
    return made


def own(folder: Path, name: str, text: str) -> Universe:
    path = folder.parent / "user" / "universes" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return read_universe(path.stem, folder)


def set_trading(folder: Path, **content: object) -> TradingSettings:
    (folder / "trading.json").write_text(json.dumps(content), "utf-8")
    return load_trading(folder)


def test_the_default_is_64_stocks_in_14_sectors_that_always_belong() -> None:
    assert (len(DEFAULT.stocks), len(DEFAULT.sectors), len(DEFAULT.symbols)) == (64, 14, 79)
    assert DEFAULT.sectors["Innovation"] == Sector("ARKK", ("TSLA", "COIN", "SHOP", "ROKU"))
    assert not DEFAULT.is_dated
    assert not DEFAULT.notes


@pytest.mark.parametrize(
    ("name", "least", "most"), [("sp500", 490, 510), ("nasdaq100", 95, 105), ("dow", 29, 31)]
)
def test_an_index_has_its_members_of_today_each_with_a_sector_and_its_fund(
    name: str, least: int, most: int
) -> None:
    universe = read_universe(name)
    assert least <= len(universe.stocks) <= most
    assert len(set(universe.stocks)) == len(universe.stocks)
    assert set(universe.sectors) <= {*ETF_OF_SECTOR, OTHER}
    assert set(universe.etfs) <= set(ETF_OF_SECTOR.values())
    assert len(universe.sectors.get(OTHER, Sector(BENCHMARK, ())).stocks) < 0.15 * len(universe.stocks)
    assert "pytickersymbols" in universe.source


def test_sp500_spells_share_classes_as_the_exchange_does() -> None:
    assert {"BRK.B", "BF.B"} <= set(read_universe("sp500").stocks)


def test_the_settings_name_a_universe_and_its_stocks_are_those_that_may_be_bought(folder: Path) -> None:
    own(folder, "mine.json", '{"sectors": {"Chips": {"etf": "SMH", "stocks": ["NVDA", "TXN"]}}}')
    trading = set_trading(folder, universe="mine")
    assert trading.stocks == ("NVDA", "TXN")
    assert trading.universe.symbols == ("NVDA", "TXN", "SMH", "SPY")
    assert digest(trading) != digest(set_trading(folder))
    again = TradingSettings.model_validate_json(trading.model_dump_json(), strict=True)
    assert again == trading


def test_a_watchlist_within_the_universe_leaves_the_universe_as_it_is(folder: Path) -> None:
    trading = set_trading(folder, watchlist={"tickers": ["nvda", "KO"]})
    assert trading.stocks == ("NVDA", "KO")
    assert trading.universe == DEFAULT


def test_a_watchlist_of_other_names_is_a_universe_of_its_own_and_says_so(folder: Path) -> None:
    trading = set_trading(folder, watchlist={"tickers": ["AAPL", "CSCO", "GLD", "XLK", "brk-b"]})
    assert trading.stocks == ("AAPL", "CSCO", "GLD", "XLK", "BRK.B")
    assert trading.universe.sectors == {
        "Technology": Sector("XLK", ("AAPL",)),
        OTHER: Sector(BENCHMARK, ("CSCO", "GLD", "XLK", "BRK.B")),
    }
    assert trading.universe.symbols == ("AAPL", "CSCO", "GLD", "XLK", "BRK.B", "SPY")
    said = " ".join(trading.universe.notes)
    assert "does not hold CSCO, GLD, XLK, BRK.B" in said
    assert "without a sector, so in Other with SPY as ETF" in said


def test_a_json_file_may_say_dates_renames_and_stocks_without_a_sector(folder: Path) -> None:
    universe = own(
        folder,
        "dated.json",
        json.dumps(
            {
                "sectors": {
                    "Communication": {
                        "etf": "XLC",
                        "stocks": [
                            {"ticker": "FB", "from": "2013-12-23", "to": "2022-06-08"},
                            {"ticker": "META", "from": "2022-06-09"},
                            "GOOGL",
                        ],
                    }
                },
                "stocks": ["QQQQQ"],
                "aliases": [{"old": "FB", "new": "META", "date": "2022-06-09"}],
            }
        ),
    )
    assert universe.stocks == ("META", "GOOGL", "QQQQQ")
    assert universe.membership == {
        "META": (Span(date(2013, 12, 23), date(2022, 6, 8)), Span(date(2022, 6, 9), None))
    }
    assert universe.aliases == (Alias("FB", "META", date(2022, 6, 9)),)
    assert universe.sectors[OTHER] == Sector(BENCHMARK, ("QQQQQ",))
    assert any("QQQQQ" in note for note in universe.notes)


def test_a_csv_file_may_say_renames_in_either_form(folder: Path) -> None:
    spans = own(folder, "spans.csv", "ticker,from,old,renamed\nMETA,2013-12-23,fb,2022-06-09\nKO,,,\n")
    lists = own(
        folder,
        "lists.csv",
        "date,ticker,old,renamed\n2022-01-01,FB,,\n2022-07-01,META,FB,2022-06-09\n2022-08-01,META,FB,2022-06-09\n",
    )
    assert spans.aliases == lists.aliases == (Alias("FB", "META", date(2022, 6, 9)),)
    assert spans.stocks == ("META", "KO")
    assert lists.stocks == ("META",)
    assert lists.membership["META"][0] == Span(date(2022, 1, 1), date(2022, 6, 30))


def test_a_ticker_that_another_company_took_over_since_is_a_stock_of_its_own(folder: Path) -> None:
    universe = own(
        folder,
        "reused.csv",
        "ticker,from,to,old,renamed\nFB,2013-12-23,2022-06-08,,\nMETA,2022-06-09,,FB,2022-06-09\nFB,2025-06-02,,,\n",
    )
    assert universe.membership == {
        "META": (Span(date(2013, 12, 23), date(2022, 6, 8)), Span(date(2022, 6, 9), None)),
        "FB": (Span(date(2025, 6, 2), None),),
    }


def test_a_ticker_that_was_renamed_and_got_its_name_back_is_one_stock(folder: Path) -> None:
    universe = own(
        folder,
        "back.json",
        json.dumps(
            {
                "stocks": [
                    {"ticker": name, "from": day} for name, day in (("AA", "2010-01-04"), ("BB", "2016-01-04"))
                ],
                "aliases": [
                    {"old": "BB", "new": "AA", "date": "2020-01-02"},
                    {"old": "AA", "new": "BB", "date": "2015-01-02"},
                ],
            }
        ),
    )
    assert universe.stocks == ("AA",)


def test_lists_of_members_by_date_become_spans(folder: Path) -> None:
    lists = {"2019-01-01": "AA BB", "2019-02-01": "AA CC", "2019-03-01": "BB AA"}
    text = "date,ticker\n" + "".join(f"{day},{name}\n" for day, names in lists.items() for name in names.split())
    universe = own(folder, "lists.csv", text)
    assert universe.membership == {
        "AA": (Span(date(2019, 1, 1), None),),
        "BB": (Span(date(2019, 1, 1), date(2019, 1, 31)), Span(date(2019, 3, 1), None)),
        "CC": (Span(date(2019, 2, 1), date(2019, 2, 28)),),
    }


def test_spans_in_a_csv_file_end_on_the_last_day_inside(folder: Path) -> None:
    rows = "BRK-B,2010-02-16,,Financials,XLF", "RHT,2009-07-27,2019-07-12,Software,IGV", "KO,,,,"
    text = "\n".join(("ticker,from,to,sector,etf", *rows))
    universe = own(folder, "spans.csv", text)
    assert universe.membership == {
        "BRK.B": (Span(date(2010, 2, 16), None),),
        "RHT": (Span(date(2009, 7, 27), date(2019, 7, 12)),),
    }
    assert universe.sectors["Software"].etf == "IGV"
    assert universe.sector_of["KO"] == "Consumer Staples"  # as the package has it


def test_a_file_of_ones_own_wins_over_an_index(folder: Path) -> None:
    universe = own(folder, "sp500.csv", "ticker,from,to\nAAPL,2000-01-01,\n")
    assert universe.stocks == ("AAPL",)
    assert universe.sectors["Information Technology"].etf == "XLK"


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.json", "{}", "has no stocks"),
        ("a.json", '{"sector": {}}', "sector: Extra inputs"),
        ("a.json", '{"sectors": {"A": {"etf": "XLK", "stocks": ["A B"]}}}', "stocks.0: 'A B' is not"),
        ("a.json", '{"sectors": {"A": {"stocks": ["KO"]}, "B": {"stocks": ["KO"]}}}', "in two sectors, A and B"),
        ("a.json", '{"stocks": ["KO", "KO"]}', "KO is there twice"),
        ("a.json", '{"stocks": [{"ticker": "KO", "from": "2020-01-02", "to": "2020-01-01"}]}', "leaves on"),
        ("a.json", '{"stocks": [{"ticker": "KO", "since": "2020-01-02"}]}', "since"),
        ("a.csv", "tickers\nKO\n", "has the columns tickers"),
        ("a.csv", "date,ticker\n2020-13-01,KO\n", "line 2: '2020-13-01' is not a date"),
        ("a.csv", "date,ticker\n,KO\n", "there is no date"),
        ("a.csv", "ticker,sector,etf\nKO,Food, drinks,XLP\n", "line 2: XLP is more than the first line has"),
        ("a.csv", "", "has the columns none"),
        ("a.csv", "ticker,sector,etf\nKO,Food,XLP\nPEP,Food,PBJ\n", "Food has two ETFs, XLP and PBJ"),
        ("a.csv", "ticker,sector,etf\nKO,Food,the fund\n", "line 2: 'the fund' is not a ticker"),
        ("a.csv", "ticker,ticker\nKO,PEP\n", "has a column twice: ticker, ticker"),
        ("a.json", '{"stocks": ["KO"], "aliases": [{"old": "F B", "new": "KO", "date": "2022-06-09"}]}',
         "aliases.0: 'F B' is not a ticker"),
        ("a.json", '{"stocks": ["KO"], "aliases": [{"old": "KO", "new": "ko", "date": "2022-06-09"}]}',
         "aliases.0: KO cannot be renamed to itself"),
        ("a.json", '{"stocks": ["KO", 7]}', "stocks.1: a stock is its ticker, or"),
        ("a.csv", "ticker,old,renamed\nKO,OLD,\n", "line 2: old and renamed need each other"),
        ("a.csv", "ticker,old,renamed\nKO,O L D,2022-06-09\n", "line 2: 'O L D' is not a ticker"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_file_is_named(folder: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        own(folder, name, text)


def test_a_universe_in_two_files_is_refused(folder: Path) -> None:
    own(folder, "mine.csv", "ticker\nKO\n")
    with pytest.raises(SettingsError, match="is there twice"):
        own(folder, "mine.json", '{"stocks": ["KO"]}')


def test_an_unknown_universe_is_refused_with_the_nearest_name(folder: Path) -> None:
    own(folder, "energy.csv", "ticker\nXOM\n")
    with pytest.raises(SettingsError, match="the nearest known name is energy"):
        set_trading(folder, universe="enrgy")


def test_a_watchlist_has_each_stock_once_in_whatever_spelling(folder: Path) -> None:
    assert set_trading(folder, watchlist={"tickers": ["aapl", "MSFT", "AAPL", "brk-b", "BRK.B"]}).stocks == (
        "AAPL", "MSFT", "BRK.B",
    )  # fmt: skip


def test_a_universe_that_is_no_name_is_told_as_that(folder: Path) -> None:
    with pytest.raises(SettingsError, match="universe: 7 is no name"):
        set_trading(folder, universe=7)


@pytest.mark.parametrize("name", ["../mine", "mine/own", "", "x" * 300, "sp500@"])
def test_what_is_no_name_of_a_universe_is_told_as_that(folder: Path, name: str) -> None:
    with pytest.raises(SettingsError, match="is no name of a universe"):
        read_universe(name, folder)


def test_the_members_of_a_day_are_known_only_of_a_universe_with_dates(folder: Path) -> None:
    dated = "ticker,from,to\nAA,2019-01-01,2019-06-30\nBB,2019-03-01,\n"
    own(folder, "dated.csv", dated)
    assert read_universe("dated@2019-02-01", folder).stocks == ("AA",)
    assert read_universe("dated@2020-02-01", folder).stocks == ("BB",)
    assert not read_universe("dated@2020-02-01", folder).is_dated
    with pytest.raises(SettingsError, match="sp500 has no dates, so who belonged on that day is not known"):
        read_universe("sp500@2019-02-01", folder)
