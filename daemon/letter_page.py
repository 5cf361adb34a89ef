"""The letter for people: one HTML page without any outside file, and a short text for a message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape

from core.letter import Costs, Letter

STYLE = """
body{font:15px/1.45 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;
color:#1b1f24;background:#fff}
h1{font-size:1.4rem;margin:0 0 .2rem}h2{font-size:1.05rem;margin:1.6rem 0 .4rem;border-bottom:1px solid #d0d7de}
table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.15rem .6rem .15rem 0;vertical-align:top}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}p.s{color:#57606a;margin:.2rem 0}.bad{color:#a40e26}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}h2{border-color:#30363d}p.s{color:#8d96a0}
.bad{color:#ff7b72}}
""".strip()
Cell = str | float | None


def letter_page(letter: Letter) -> str:
    """Return the letter as HTML."""
    parts = [
        f"<h1>Letter of {escape(letter.session)}</h1>",
        f'<p class="s">{escape(_headline(letter))}</p>',
        *(f'<p class="bad">{escape(line)}</p>' for line in (*letter.missed, *letter.notes)),
        _record(letter),
        _table(
            "Sent",
            ("symbol", "side", "quantity", "price", "rule", "status"),
            [(o.symbol, o.side, o.quantity, o.reference_price, o.rule, o.status) for o in letter.sent],
        ),
        _table(
            "Fills",
            ("symbol", "side", "quantity", "price", "decided at", "cost bps", "over assumed", "rule"),
            [
                (f.symbol, f.side, f.quantity, f.price, f.reference_price, f.cost_bps, f.over_assumed_bps, f.rule)
                for f in letter.fills
            ],
        ),
        _table(
            "Costs against what is assumed",
            ("", "fills", "value USD", "assumed bps", "seen bps", "cost USD", "fees USD"),
            [_costs("this session", letter.costs_day), _costs("to date", letter.costs_to_date)],
        ),
        _tracking(letter),
        *_standing(letter),
    ]
    head = f'<meta charset="utf-8"><title>Letter of {escape(letter.session)}</title><style>{STYLE}</style>'
    meta = '<meta name="viewport" content="width=device-width,initial-scale=1">'
    return f'<!doctype html><html lang="en"><head>{head}{meta}</head><body>{"".join(parts)}</body></html>\n'


def _standing(letter: Letter) -> Sequence[str]:
    """Return the tables of what stands after the session: books, positions, what comes next, what was refused."""
    return [
        _table(
            "Shadow books",
            ("book", "equity USD", "return", "over the yardstick", "evidence", "known"),
            [
                (b.name, b.equity, _percent(b.return_day), _percent(b.excess_day), b.e_value, b.state)
                for b in letter.shadow_books
            ],
        ),
        _table(
            "Agents, in the session's decisions",
            ("agent", "heard", "abstained", "why"),
            [(a.name, float(a.spoke), float(a.abstained), "; ".join(a.reasons)) for a in letter.agents],
        ),
        _table(
            "Held, and where it would be closed",
            ("symbol", "quantity", "last", "value USD", "profit", "stop", "rests at", "target"),
            [
                (
                    h.symbol,
                    h.quantity,
                    h.last_price,
                    h.value_usd,
                    _percent(h.profit_pct),
                    h.stop_price,
                    h.stop_rests_at or "the engine alone",
                    h.target_price,
                )
                for h in letter.held
            ],
        ),
        _table(
            "What would be sent tomorrow",
            ("symbol", "side", "quantity", "price", "rule"),
            [(o.symbol, o.side, o.quantity, o.reference_price, o.rule) for o in letter.tomorrow],
        ),
        _table(
            "Refused, or come to nothing",
            ("symbol", "side", "why", "times"),
            [(r.symbol, r.side, r.reason, float(r.times)) for r in letter.refused],
        ),
    ]


def letter_text(letter: Letter) -> str:
    """Return the letter as a few lines."""
    costs, tracking = letter.costs_to_date, letter.tracking
    seen = "none seen" if costs.seen_bps is None else f"{costs.seen_bps:.1f} seen"
    lines = [
        f"Letter of {letter.session}: {_headline(letter)}",
        f"{len(letter.sent)} orders sent, {len(letter.fills)} filled, {len(letter.refused)} refused or come to "
        f"nothing. Cost to date {costs.assumed_bps:g} bps assumed, {seen}, over {costs.fills} fills.",
        f"{letter.proven_steps} of {letter.steps} steps follow from the record"
        + (
            f"; {tracking.equal_steps} of {tracking.steps} were decided just so by {tracking.against} on paper, "
            f"in {tracking.alike_steps} both want the same names."
            if tracking.against
            else "."
        ),
    ]
    lines += [f"First difference: {tracking.first_difference}."] if tracking.first_difference else []
    lines += [f"Missed: {'; '.join(letter.missed)}."] if letter.missed else []
    days = [f"{b.name} {_percent(b.return_day)}" for b in letter.shadow_books if b.return_day is not None]
    lines += [f"Books: {', '.join(days)}."] if days else []
    silent = [f"{a.name} in {a.abstained} ({'; '.join(a.reasons)})" for a in letter.agents if a.abstained]
    lines += [f"Abstained: {', '.join(silent)}."] if silent else []
    lines += [f"Held: {', '.join(h.symbol for h in letter.held) or 'nothing'}."]
    return "\n".join(lines)


def _headline(letter: Letter) -> str:
    change = f" ({_percent(letter.return_day)})" if letter.return_day is not None else ""
    return (
        f"equity {letter.equity:,.2f} USD{change}; profile {letter.profile}, orders go to {letter.route}; "
        f"trading is {letter.state.upper()}"
    )


def _record(letter: Letter) -> str:
    tracking, unproven = letter.tracking, ", ".join(letter.unproven)
    lines = [
        f"{letter.steps} steps, {letter.decisions} of them decisions; {letter.proven_steps} follow from the "
        "record before them" + (f", these do not: {unproven}" if unproven else ""),
    ]
    if tracking.against:
        lines.append(
            f"{tracking.equal_steps} of {tracking.steps} were decided just so by {tracking.against} on paper, in "
            f"{tracking.alike_steps} both want orders for the same names on the same sides"
        )
    if tracking.first_difference:
        lines.append(f"the first difference: {tracking.first_difference}")
    return "<h2>Decided again</h2>" + "".join(f"<p>{escape(line)}</p>" for line in lines)


def _tracking(letter: Letter) -> str:
    tracking = letter.tracking
    title = f"Tracking difference to {tracking.against or 'no book of this profile'}"
    if tracking.difference_usd is None:
        return _table(title, ("",), [("it begins with the second close",)])
    rows = [(cause.name, cause.usd, cause.note) for cause in tracking.causes]
    total = f"account {_percent(tracking.account_return)}, book {_percent(tracking.shadow_book_return)}"
    return _table(title, ("cause", "USD", ""), [*rows, ("all", tracking.difference_usd, total)])


def _costs(name: str, costs: Costs) -> Sequence[Cell]:
    seen = None if costs.seen_bps is None else round(costs.seen_bps, 2)
    return (name, float(costs.fills), costs.value_usd, costs.assumed_bps, seen, costs.cost_usd, costs.fees_usd)


def _table(title: str, columns: Sequence[str], rows: Iterable[Sequence[Cell]]) -> str:
    lines = list(rows)
    body = "".join(f"<tr>{''.join(_cell(cell) for cell in row)}</tr>" for row in lines)
    head = "".join(f"<th>{escape(name)}</th>" for name in columns)
    inner = f"<table><tr>{head}</tr>{body}</table>" if lines else '<p class="s">none</p>'
    return f"<h2>{escape(title)}</h2>{inner}"


def _cell(value: Cell) -> str:
    if isinstance(value, float):
        return (
            f'<td class="n">{value:,.10g}</td>' if value == round(value) else f'<td class="n">{value:,.2f}</td>'
        )
    return f"<td>{'-' if value is None else escape(value)}</td>"


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:+.2%}"
