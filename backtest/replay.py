"""Deciding a recorded decision again: the same view, portfolio and state must give the same plan."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from msgspec.structs import replace

from backtest.lookahead import differences
from core.errors import RequestError
from core.ports import Feed, Ledger, RiskManager, Team
from core.times import market_date
from core.types import MarketView, Plan, Portfolio, Settlement, StepReport, TradingState
from pipeline.account import opening_portfolio, with_pending_orders
from pipeline.conditions import under_conditions, without_missing
from pipeline.portfolio_changes import apply_settlement
from pipeline.step import decide, fingerprint, name_of

SHOWN_MAX = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """A decision from the ledger, and the step about now that came before it (None for the first)."""

    report: StepReport
    before: StepReport | None


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionInputs:
    """The portfolio and the state that a recorded decision was made from.

    Attributes
    ----------
    proven : bool
        Whether the portfolio has the digest that the decision recorded, and its id follows from what it recorded;
        else they are the nearest that the ledger knows.
    """

    portfolio: Portfolio
    state: TradingState
    proven: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What came of deciding again.

    Attributes
    ----------
    same : bool
        The same id from the same inputs, and the same plan byte for byte.
    same_plan : bool
        The plan is the same byte for byte but for the decision's own name, whatever became of the inputs.
    causes : tuple of str
        What of the inputs is no longer what it was; empty when all is.
    first_difference : str
        The first field of the plan that differs, with both values; empty when none does.
    """

    decision_id: str
    same: bool
    same_plan: bool
    causes: tuple[str, ...]
    first_difference: str


def find(ledger: Ledger, name: str) -> Recorded:
    """Find a decision and the step before it.

    Raises
    ------
    core.errors.RequestError
        404 when the ledger has no such decision.
    """
    report = ledger.decision(name)
    if report is None:
        raise RequestError(f"The ledger has no decision {name}.", hint="GET /decisions lists them.", status=404)
    before = next((step for step in ledger.steps(before=name) if step.cycle.as_of is None), None)
    return Recorded(report=report, before=before)


def inputs_of(recorded: Recorded, initial_cash: Decimal) -> DecisionInputs:
    """Find the portfolio a decision was made from, by the digest it recorded, and the state."""
    plan, candidates = recorded.report.plan, list(_portfolios(recorded, initial_cash))
    state = plan.decided_in or (recorded.before.plan.state if recorded.before else TradingState.ACTIVE)
    for portfolio in candidates:
        same_name = _name(recorded.report, state) == recorded.report.decision_id
        if fingerprint(portfolio) == plan.portfolio_digest and same_name:
            return DecisionInputs(portfolio=portfolio, state=state, proven=True)
    return DecisionInputs(portfolio=candidates[0], state=state, proven=False)


def replay(
    recorded: Recorded,
    *,
    feed: Feed,
    team: Team,
    risk: RiskManager,
    config_digest: str,
    initial_cash: Decimal,
    encode: Callable[[StepReport], bytes],
) -> Replay:
    """Decide again at the decision's moment and compare.

    Parameters
    ----------
    encode : callable
        Writes a report as the ledger does.
    """
    report, inputs = recorded.report, inputs_of(recorded, initial_cash)
    view = feed.view(report.as_of)
    name, plan = decide(view, inputs.portfolio, team, risk, inputs.state, report.cycle, config_digest)
    if report.cycle.as_of is None:
        plan = with_pending_orders(plan, report.cycle)
    was, now = (
        encode(report),
        encode(replace(report, plan=plan)).replace(name.encode(), report.decision_id.encode()),
    )
    causes = tuple(_causes(recorded, inputs, view, plan, config_digest))
    return Replay(
        decision_id=report.decision_id,
        same=not causes and name == report.decision_id and was == now,
        same_plan=was == now,
        causes=causes,
        first_difference="" if was == now else _first(was, now),
    )


def _portfolios(recorded: Recorded, initial_cash: Decimal) -> Iterator[Portfolio]:
    """Return the portfolios it may have been made from: the step before's after the fills, the unrecorded varied.

    Between two steps a person's resume measures losses anew, and an execution counts its orders as trades of
    the session. The step's own plan holds the count afterwards.
    """
    report = recorded.report
    if report.cycle.as_of is not None:
        yield opening_portfolio(report.plan.portfolio.cash)
        return
    last = recorded.before.plan.portfolio if recorded.before else opening_portfolio(initial_cash)
    conditions = report.plan.portfolio.account
    own = {approved.order.client_order_id for approved in report.plan.approved} if report.cycle.submits else set()
    pending = tuple(o for o in report.plan.portfolio.pending if o.client_order_id not in own)
    settled = Settlement(fills=report.fills, cash_movements=report.cash_movements, actions=report.actions)
    for portfolio in (last, last.rebased()):
        whole = apply_settlement(without_missing(portfolio), settled, market_date)
        taxed = report.plan.portfolio
        after = replace(
            under_conditions(whole, conditions), pending=pending,
            loss_sales=taxed.loss_sales, replacing_lots=taxed.replacing_lots,
        )  # fmt: skip
        yield after
        yield replace(after, trades_today=report.plan.portfolio.trades_today - len(own))


def _name(report: StepReport, state: TradingState) -> str:
    """Name the recorded decision after the inputs it recorded."""
    return name_of(
        report.cycle,
        report.as_of,
        report.view_digest,
        report.config_digest,
        portfolio_digest=report.plan.portfolio_digest,
        state=state,
        models=report.plan.analysis.models,
    )


def _causes(
    recorded: Recorded, inputs: DecisionInputs, view: MarketView, plan: Plan, config_digest: str
) -> Iterator[str]:
    report = recorded.report
    if not inputs.proven:
        yield (
            "The portfolio it was made from is not recorded in full, only its digest; the nearest known was used "
            "(something changed it between the two steps, or another release wrote it)."
        )
    if config_digest != report.config_digest:
        yield f"The settings changed: their digest was {report.config_digest[:12]} and is {config_digest[:12]}."
    yield from _model_causes(report, plan)
    if view.digest() != report.view_digest:
        yield "The view is another: " + "; ".join(_view_causes(report, view)) + "."


def _model_causes(report: StepReport, plan: Plan) -> Iterator[str]:
    was, now = report.plan.analysis.models, plan.analysis.models
    for agent in sorted({*was, *now}):
        if was.get(agent) != now.get(agent):
            old, new = was.get(agent, "absent"), now.get(agent, "absent")
            yield f"The model of {agent} changed: it was {old}, it is {new}."


def _view_causes(report: StepReport, view: MarketView) -> Sequence[str]:
    until = str(view.session) if view.row >= 0 else ""
    pairs = {
        "the source": (report.source, view.source),
        "the newest session": (report.bars_until, until),
        "what is left out": (dict(report.stale), dict(view.stale)),
    }
    changes = [
        f"{what} was {was or 'none'} and is {now or 'none'}" for what, (was, now) in pairs.items() if was != now
    ]
    return changes or ["bars, quotes or headlines up to that moment were revised"]


def _first(was: bytes, now: bytes) -> str:
    found = next(differences(json.loads(was), json.loads(now)), None)
    if found is None:
        return "the bytes, though every field has the same value"
    path, left, right = (str(part)[:SHOWN_MAX] for part in found)
    return f"{path}: it was {left}, it is {right}"
