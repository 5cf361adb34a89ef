"""Cleaning, near-duplicates, day-only items, the archive and the desk."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.calendar import NyseCalendar
from adapters.clock import ManualClock
from adapters.news.archive import NewsArchive
from adapters.news.dedup import HeadlineDeduplicator, is_same_story
from adapters.news.poller import NewsPoller
from adapters.news.text import CHARACTERS_MAX, clean
from adapters.news.trading_day_cutoff import trading_day_cutoff
from core.errors import DataError
from core.types import Headline, MarketView
from tests.panels import make_panel

CALENDAR = NyseCalendar()
DATA = Path(__file__).parents[4].parent / "shared" / "data"
AT = datetime(2024, 3, 1, 15, tzinfo=UTC)


def item(text: str, minutes: float = 0, symbols: tuple[str, ...] = ("AAPL",), publisher: str = "") -> Headline:
    at = AT + timedelta(minutes=minutes)
    return Headline(symbols=symbols, text=text, published_at=at, received_at=at, publisher=publisher)


@pytest.mark.parametrize(
    ("raw", "wanted"),
    [
        ("", ""), (None, ""), (3, ""), ("   \n\t ", ""), ("!!! 123", ""),
        ("<p>Apple&nbsp;&amp; co <b>rise</b></p>", "Apple & co rise"),
        ("&lt;b&gt;Apple&lt;/b&gt; up", "Apple up"),
        ("<script>alert('x')</script>Apple", "Apple"), ("Revenue < costs > x", "Revenue < costs > x"),
        ("Apple 🚀🚀 to the moon", "Apple to the moon"),
        ("Apple\x00 \x1b[31mred\x07", "Apple [31mred"), ("Apple\u202elppa\u200b", "Apple lppa"),
        ("苹果公司上涨", ""), ("Яблоко растёт", ""), ("Gewinn fällt bei Öl", "Gewinn fällt bei Öl"),
        ("Ａｐｐｌｅ rises", "Apple rises"), ("Apple\n\n  rises", "Apple rises"), ("\ud800Apple", "Apple"),
    ],
)  # fmt: skip
def test_cleaning(raw: object, wanted: str) -> None:
    assert clean(raw) == wanted


@settings(max_examples=50)
@given(st.one_of(st.text(max_size=2000), st.text("<>&;/ab \n", max_size=200)))
def test_a_clean_text_is_one_bounded_line_and_stays_so(raw: str) -> None:
    line = clean(raw)
    assert len(line) <= CHARACTERS_MAX and line == line.strip() and "\n" not in line
    assert line.isprintable() and line.encode("utf-8") is not None


def test_a_very_long_text_is_cut_at_a_word() -> None:
    line = clean("Apple rises " * 100_000)
    assert CHARACTERS_MAX - 12 < len(line) <= CHARACTERS_MAX and line.endswith(("Apple", "rises"))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Apple raises its outlook", "Apple raised its outlook", True),
        ("Apple beats estimates on iPhone sales", "Apple beats estimates on iPhone sales - Reuters", True),
        ("UPDATE: Apple beats Q2 estimates on sales", "Apple beats Q2 estimates on sales", True),
        ("Apple beats estimates on sales", "Apple misses estimates on sales", False),
        ("Apple rises 3%", "Apple rises 5%", False),
        ("Apple will cut jobs in Europe", "Apple will not cut jobs in Europe", False),
        ("Apple rises", "Apple beats estimates and the shares rise to a record", False),
        ("Nvidia raises its outlook after strong demand", "Nvidia cuts its outlook after strong demand", False),
        ("Apple sues Nvidia", "Nvidia sues Intel", False),
    ],
)
def test_near_duplicates(one: str, other: str, same: bool) -> None:
    kept = HeadlineDeduplicator().without_repeats([item(one, publisher="A"), item(other, 10, publisher="B")])
    assert [k.text for k in kept] == ([one] if same else [one, other])


def test_a_story_told_again_counts_for_new_tickers_only_and_after_three_days_anew() -> None:
    first, second = item("Chips rally", 0, ("NVDA",)), item("Chips rally", 5, ("NVDA", "AMD"))
    again = item("Chips rally", 60 * 24 * 4, ("NVDA",))
    kept = HeadlineDeduplicator().without_repeats([first, second, again])
    assert [k.symbols for k in kept] == [("NVDA",), ("AMD",), ("NVDA",)]


VOCABULARY = "apple nvidia beats misses raises raised cuts not 3 5 jobs"
words = st.lists(st.sampled_from(sorted(VOCABULARY.split())), min_size=1)


@settings(max_examples=50)
@given(st.lists(words, max_size=25), st.integers(0, 25))
def test_a_longer_history_begins_with_the_shorter_ones_stories(texts: Sequence[list[str]], cut: int) -> None:
    items = [item(" ".join(text), n) for n, text in enumerate(texts)]
    whole, part = (
        HeadlineDeduplicator().without_repeats(items),
        HeadlineDeduplicator().without_repeats(items[:cut]),
    )
    assert whole[: len(part)] == part
    assert HeadlineDeduplicator().without_repeats(whole) == whole  # what was kept is kept again


@settings(max_examples=50)
@given(words, words)
def test_sameness_is_mutual(one: list[str], other: list[str]) -> None:
    assert is_same_story(tuple(one), tuple(one)) and is_same_story(tuple(one), tuple(other)) == is_same_story(
        tuple(other), tuple(one)
    )


@pytest.mark.parametrize(
    ("day", "opens"),
    [
        (date(2024, 2, 29), datetime(2024, 3, 1, 14, 30, tzinfo=UTC)),
        (date(2024, 3, 1), datetime(2024, 3, 4, 14, 30, tzinfo=UTC)),  # Friday: Monday
        (date(2024, 3, 2), datetime(2024, 3, 4, 14, 30, tzinfo=UTC)),
        (date(2024, 3, 28), datetime(2024, 4, 1, 13, 30, tzinfo=UTC)),  # Good Friday, and summer time
    ],
)
def test_a_day_without_a_time_counts_from_the_next_session(day: date, opens: datetime) -> None:
    published, received = trading_day_cutoff(CALENDAR, day)
    assert received == opens and published <= received and published.date() > day


def write_csv(path: Path, rows: Sequence[str], head: str = "date,ticker,headline,publisher") -> Path:
    path.write_text("\n".join([head, *rows]) + "\n", encoding="utf-8")
    return path


def test_the_archive_reads_settles_and_counts(tmp_path: Path) -> None:
    rows = [
        "2024-03-01T15:00:00Z,AAPL,Apple beats,Reuters", "2024-03-01T16:00:00Z,AAPL,Apple beats,CNBC",
        "2024-03-01T17:00:00Z,AAPL,,X", "2024-03-01T00:00:00Z,MSFT,Microsoft slips,", ",AAPL,No time,",
    ]  # fmt: skip
    archive = NewsArchive(write_csv(tmp_path / "news.csv", rows), CALENDAR)
    early = archive.news(("AAPL", "MSFT"), AT - timedelta(days=1), AT)
    late = archive.news(("AAPL", "MSFT"), AT - timedelta(days=1), AT + timedelta(days=10))
    assert [(i.text, i.publisher) for i in early] == [("Apple beats", "Reuters")]
    assert [i.text for i in late] == ["Apple beats", "Microsoft slips"]
    assert late[1].received_at == datetime(2024, 3, 4, 14, 30, tzinfo=UTC)
    assert archive.dropped == {"no text that can be scored": 1, "no time or no ticker": 1, "repeated": 1}


@pytest.mark.parametrize(
    ("name", "body", "words"),
    [
        ("gone.csv", None, "cannot be read"), ("empty.csv", "", "cannot be read"),
        ("torn.parquet", "PAR1", "cannot be read"), ("other.csv", "a,b\n1,2\n", "no column headline or title"),
    ],
)  # fmt: skip
def test_a_bad_archive_is_a_data_error(tmp_path: Path, name: str, body: str | None, words: str) -> None:
    if body is not None:
        (tmp_path / name).write_text(body, encoding="utf-8")
    with pytest.raises(DataError, match=words):
        NewsArchive(tmp_path / name, CALENDAR).news(("AAPL",), AT, AT)


class Vendor:
    """Answers with its items, or a fault."""

    name = "vendor"

    def __init__(self, items: Sequence[Headline]) -> None:
        self.items, self.fault, self.asked = list(items), "", list[tuple[datetime, datetime]]()

    def news(self, symbols: Sequence[str], start: datetime, end: datetime) -> Sequence[Headline]:
        self.asked.append((start, end))
        if self.fault:
            raise DataError(self.fault)
        return [i for i in self.items if start <= i.published_at <= end]


def desk_of(vendor: Vendor, clock: ManualClock, told: list[str]) -> NewsPoller:
    return NewsPoller(
        vendor, ("AAPL", "NVDA"), clock, window=timedelta(hours=24), refresh_seconds=60, arrived=told.extend
    )


def test_the_desk_counts_news_from_the_moment_it_had_it() -> None:
    told: list[str] = []
    vendor = Vendor([item("Apple a"), item("Apple b", 30, ("AAPL", "XYZ")), item("Other", 0, ("XYZ",))])
    clock = ManualClock(AT + timedelta(minutes=10))
    desk = desk_of(vendor, clock, told)
    assert "has not answered" in desk.fault and desk.headlines(clock.now()) == ()
    desk.refresh()
    assert [i.text for i in desk.headlines(clock.now())] == ["Apple a"] == told
    assert desk.headlines(AT + timedelta(minutes=9)) == ()  # it was out, but we did not have it
    clock.set(AT + timedelta(minutes=40))
    desk.refresh()
    assert [(i.text, i.symbols) for i in desk.headlines(clock.now())][-1] == ("Apple b", ("AAPL",))
    assert desk.fault == "" and len(told) == 2  # the overlap told nothing twice
    assert desk.headlines(AT + timedelta(days=3)) == ()


def test_a_fault_is_named_and_what_is_there_stays() -> None:
    vendor, clock = Vendor([item("Apple a")]), ManualClock(AT + timedelta(minutes=10))
    desk = desk_of(vendor, clock, [])
    desk.refresh()
    vendor.fault = "too many requests"
    desk.refresh()
    assert "too many requests" in desk.fault and len(desk.headlines(clock.now())) == 1


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.integers(-2000, 2000), st.integers(0, 40)), max_size=20),
    st.lists(st.integers(0, 3000), min_size=1, max_size=5),
)
def test_no_view_of_the_desk_ever_holds_the_future(
    rows: Sequence[tuple[int, int]], moments: Sequence[int]
) -> None:
    vendor, clock = Vendor([item(f"Apple {n} {text}", n) for n, text in rows]), ManualClock(AT)
    desk = desk_of(vendor, clock, [])
    panel = make_panel(1, 10, ("AAPL", "SPY"))
    for minutes in sorted(moments):
        clock.set(AT + timedelta(minutes=minutes))
        desk.refresh()
        for as_of in (AT, clock.now(), clock.now() - timedelta(minutes=7)):
            news = desk.headlines(as_of)
            MarketView(as_of=as_of, bars=panel.prefix(panel.rows_known(as_of)), headlines=news)  # or it raises
            assert [i.received_at for i in news] == sorted(i.received_at for i in news)


def test_ten_thousand_headlines_at_once() -> None:
    vendor = Vendor([item(f"Apple story number {n} about a thing", -n / 60) for n in range(10_000)])
    clock, told = ManualClock(AT + timedelta(minutes=1)), list[str]()
    desk = desk_of(vendor, clock, told)
    desk.refresh()
    assert len(desk.headlines(clock.now())) == len(told) == 10_000


@pytest.mark.shared
@pytest.mark.skipif(not DATA.is_dir(), reason="no shared data")
def test_recorded_headlines_with_a_day_are_never_known_on_that_day() -> None:
    archive = NewsArchive(DATA / "headlines.parquet", CALENDAR)
    at = datetime(2022, 6, 15, 20, tzinfo=UTC)
    news = archive.news(("AAPL", "META", "NVDA"), at - timedelta(days=5), at)
    assert len(news) > 10
    assert all(i.published_at <= i.received_at <= at for i in news)
    assert max(i.received_at for i in news) == datetime(
        2022, 6, 15, 13, 30, tzinfo=UTC
    )  # yesterday's, at the open
