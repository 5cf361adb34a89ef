"""The report as tables on a terminal: the same figures as the JSON."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from analysis.performance import Performance
from analysis.random_books import SHARPE_TIE
from backtest.attribution import Contribution
from backtest.report import Report
from backtest.windows import Luck, Window

NONE = "-"
PERCENT, SIGNED_PERCENT, RATIO, COUNT, DOLLARS = "{:.1%}", "{:+.1%}", "{:.2f}", "{:d}", "${:,.0f}"
ROWS = (
    ("total return", "total_return", SIGNED_PERCENT),
    ("growth a year (CAGR)", "cagr", SIGNED_PERCENT),
    ("volatility a year", "volatility", PERCENT),
    ("Sharpe over bills", "sharpe", RATIO),
    ("Sortino", "sortino", RATIO),
    ("max drawdown", "drawdown_max", PERCENT),
    ("longest drawdown, sessions", "drawdown_sessions_max", COUNT),
    ("excess return a year vs SPY", "excess_return", SIGNED_PERCENT),
    ("alpha a year vs SPY (regression)", "alpha", SIGNED_PERCENT),
    ("beta vs SPY (regression)", "beta", RATIO),
    ("excess a year over equal weight 12 %", "excess_over_yardstick", SIGNED_PERCENT),
    ("closed round trips", "trades", COUNT),
    ("win rate a round trip", "win_rate", PERCENT),
    ("sales", "sales", COUNT),
    ("win rate a sale", "sale_win_rate", PERCENT),
    ("payoff (mean win / mean loss)", "payoff_ratio", RATIO),
    ("turnover a year", "turnover_per_year", "{:.1f}x"),
    ("mean exposure", "exposure_mean", PERCENT),
    ("costs paid", "cost_usd", DOLLARS),
)


def render(report: Report) -> RenderableType:
    """Lay the whole report out, warnings first."""
    about = report.about
    parts: list[RenderableType] = [Text(f"WARNING: {warning}", style="bold red") for warning in report.warnings]
    parts.append(
        Text(f"{about.title} (profile {about.profile}, {about.source}, seed {about.seed})", style="bold")
    )
    for window in report.windows:
        parts += [_performance(window), _luck(window)]
    parts += [Text(f"Random books: {report.null}."), _ranking(report), _traded(report)]
    if report.attribution:
        parts.append(_attribution(report.attribution))
    if report.overfitting:
        found = report.overfitting
        parts.append(
            Text(
                f"Probability of backtest overfitting (CSCV, {found.trials} variants, {found.splits} splits): "
                f"{found.probability:.0%}; the chosen one loses out of sample in {found.loss_probability:.0%}."
            )
        )
    parts += [Text(f"* {caveat}", style="yellow") for caveat in report.caveats]
    return Group(*parts)


def show(value: float | int | None, style: str) -> str:
    """Write a figure, or a dash where it is not defined."""
    return NONE if value is None else style.format(value)


def _performance(window: Window) -> Table:
    known = "" if window.seen else ", not seen when the settings were chosen"
    table = _table(f"{window.name}: {window.first} to {window.last}{known}", ["", *window.table])
    for title, figure, style in ROWS:
        values = [getattr(column, figure) for column in window.table.values()]
        if any(value is not None for value in values):
            table.add_row(title, *(show(value, style) for value in values))
    return table


def _luck(window: Window) -> Text:
    found = window.significance
    interval = found.interval
    between = f"{interval.low:.2f} to {interval.high:.2f}" if interval else NONE
    lines = [
        _placed("random books in equal parts", window.luck),
        _placed("books of its own weights dealt to random names", window.dealt),
        f"Sharpe 95 % interval {between} (bootstrap in blocks of a month, or by formula where that is wider)",
        f"Probability that the Sharpe is above 0: {show(found.probabilistic, PERCENT)}; deflated for "
        f"{found.trials} trials (hurdle {found.hurdle:.2f}): {show(found.deflated, PERCENT)} (a formula for "
        "independent sessions, with skew and fat tails)",
        "Shortest track record that shows a Sharpe above 0 at 95 %, if it goes on like this: "
        f"{show(found.track_record_sessions_min, COUNT)} sessions",
        "Those are two methods: where one sees a Sharpe above 0 (interval all above 0, probability of 97.5 % or "
        "more) and the other does not, it is not shown",
    ]
    if window.ranking:
        ranking = window.ranking
        lines.append(
            f"Ranking out of sample: mean rank IC {ranking.rank_ic:+.4f}, permutation p {ranking.p_value:.3f}, "
            f"{ranking.days} sessions"
        )
    if window.phases:
        spread, ratio = window.phases.total_return, window.phases.sharpe
        lines.append(
            f"The same portfolio rebalanced on each of {window.phases.books} other days: return "
            f"{spread.low:+.0%} to {spread.high:+.0%} (median {spread.median:+.0%}), Sharpe "
            f"{ratio.low:.2f} to {ratio.high:.2f} (median {ratio.median:.2f})"
        )
    return Text("\n".join(lines) + "\n")


def _placed(books: str, luck: Luck) -> str:
    alike = luck.sharpe_p95 - luck.sharpe_p05 <= 2 * SHARPE_TIE
    return (
        f"Among {luck.books} {books}: percentile {show(luck.percentile, '{:.0f}')}, equal weight at 12 % "
        f"{show(luck.yardstick_percentile, '{:.0f}')} (their Sharpe 5 % {luck.sharpe_p05:.2f}, median "
        f"{luck.sharpe_median:.2f}, 95 % {luck.sharpe_p95:.2f}"
        f"{'; so alike that a place among them says nothing' if alike else ''})"
    )


def _ranking(report: Report) -> RenderableType:
    table = _table("Ranking out of sample, by year", ["year", "sessions", "rank IC", "AUC"])
    for year in report.ranking_by_year:
        table.add_row(str(year.year), str(year.days), show(year.rank_ic, "{:+.4f}"), show(year.auc, "{:.3f}"))
    found = report.candidates
    share = found.passed / found.predictions if found.predictions else 0.0
    text = f"{found.passed} of {found.predictions} predictions ({share:.2%}) passed p > {found.threshold:.2f}.\n"
    return Group(table, Text(text))


def _traded(report: Report) -> RenderableType:
    traded = report.traded
    table = _table("Exits by rule", ["rule", "round trips", "win rate", "mean profit", "profit", "weekdays held"])
    for rule, found in traded.exits.items():
        table.add_row(
            rule, str(found.trades), f"{found.win_rate:.1%}", f"{found.profit_mean:+.2%}",
            f"{found.profit_usd:+,.0f}", f"{found.sessions_held_mean:.1f}",
        )  # fmt: skip
    refused = ", ".join(f"{rule} {count}" for rule, count in traded.refusals.items()) or "none"
    became = ", ".join(f"{status} {count}" for status, count in traded.orders.items())
    text = (
        f"{traded.buys} buys, {traded.sells} sells, {traded.round_trips} round trips, "
        f"{traded.open_at_end} open at the end. "
        f"Orders: {became}. Refused: {refused}. "
        f"Breaker resumed: {', '.join(traded.resumed_on) or 'never tripped'}.\n"
    )
    return Group(table, Text(text))


def _attribution(found: Sequence[Contribution]) -> Table:
    windows = list(found[0].windows)
    heads = ["switched off", "fills", *(f"{w}\n{f}" for w in windows for f in ("return", "Sharpe", "adds"))]
    table = _table("Attribution: the run again without each part (adds = Sharpe given up without it)", heads)
    for one in found:
        table.add_row(f"{one.kind} {one.part}", str(one.trades), *_cells(one, windows))
    return table


def _cells(one: Contribution, windows: Sequence[str]) -> Iterator[str]:
    for name in windows:
        figures = one.windows[name]
        yield show(figures.total_return, SIGNED_PERCENT)
        yield show(figures.sharpe, RATIO)
        yield show(figures.sharpe_given_up, "{:+.2f}")


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    for place, column in enumerate(columns):
        table.add_column(column, justify="right" if place else "left", no_wrap=not place)
    return table


def summary_line(figures: Performance) -> str:
    """Write the three figures that a legend has room for."""
    return (
        f"{show(figures.total_return, '{:+.0%}')}   Sharpe {show(figures.sharpe, RATIO)}   "
        f"drawdown {show(figures.drawdown_max, '{:.0%}')}"
    )
