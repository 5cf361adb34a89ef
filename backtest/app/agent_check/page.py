"""A check on one page: as text and as HTML without any outside file."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from backtest.app.agent_check.check import AgentCheck, TeamRun

STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:52rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a}"
    "table{border-collapse:collapse;margin:1rem 0}td{padding:.25rem 1rem .25rem 0;vertical-align:top}"
    ".bad{color:#a40000}.good{color:#0a6b2d}td:first-child{color:#555}"
)


def verdict(check: AgentCheck) -> str:
    """Return the check's result in a sentence."""
    if check.findings:
        kinds = ", ".join(dict.fromkeys(finding.kind for finding in check.findings))
        return f"Not to be believed: {len(check.findings)} found ({kinds}). Nothing below says what it is worth."
    if not check.spoke_share:
        return "It never gave a score: nothing can be said of it."
    return f"No leak found in {check.comparisons} comparisons. What it is worth is below."


def facts(check: AgentCheck) -> Iterator[tuple[str, str]]:
    """Yield what was measured, as (name, text)."""
    yield "agent", f"{check.name}, {check.origin}" + (f", version {check.version}" if check.version else "")
    yield "history", f"{check.first} to {check.last}, {check.sessions} sessions, {check.source}"
    every = "each" if check.asked == check.sessions else f"{check.asked} of them: it is slow"
    yield "asked", f"{every}; it scored {check.spoke_share:.0%} of what it could have"
    for reason in check.reasons:
        yield "abstained", reason
    middle, longest = check.call_ms
    yield "speed", f"{middle:.2f} ms a call, {longest:.0f} ms the longest (deadline {check.deadline_ms:.0f} ms)"
    for finding in check.findings:
        yield f"LEAK ({finding.kind})", finding.text
    for skill in check.skill:
        name = f"rank IC, {skill.horizon_sessions} sessions ahead"
        if skill.mean is None:
            yield name, f"too few sessions to say ({skill.sessions})"
        else:
            yield name, f"{skill.mean:+.4f}, 95 % interval {skill.low:+.4f} to {skill.high:+.4f}"
    if check.portfolio is not None:
        held = check.portfolio
        yield (
            "its best 8, each 21 sessions",
            f"Sharpe {held.sharpe:.2f} after {held.cost_bps:g} bps a trade; better than {held.percentile:.0%} of "
            f"{held.books} books that trade the same with other names (their middle {held.null_median:.2f})",
        )
    if check.effect is not None:
        yield "the team without its vote", _team(check.effect.without)
        yield f"with it, weight {check.effect.weight:g}", _team(check.effect.with_it)
    yield (
        "what this cannot show",
        "an agent that holds the past in its own code, or was chosen among many for how it did on it. Days after "
        "today are the test: it is heard without a weight at once, and GET /scoreboard counts them.",
    )


def text_of(check: AgentCheck) -> str:
    """Return the page as text."""
    lines = [f"{name:<28} {text}" for name, text in facts(check)]
    return "\n".join([verdict(check), "", *lines]) + "\n"


def html_of(check: AgentCheck) -> str:
    """Return the page as HTML."""
    rows = "".join(f"<tr><td>{escape(name)}</td><td>{escape(text)}</td></tr>" for name, text in facts(check))
    mood = "bad" if check.findings else "good"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{escape(check.name)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{escape(check.name)}</h1>"
        f'<p class="{mood}">{escape(verdict(check))}</p><table>{rows}</table></body></html>\n'
    )


def _team(run: TeamRun) -> str:
    sharpe = "none" if run.sharpe is None else f"{run.sharpe:.2f}"
    return f"return {run.total_return:+.1%}, Sharpe {sharpe}, drawdown {run.drawdown:.1%}"
