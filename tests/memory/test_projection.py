"""What the ledger's rows come to: one episode a row, the trades' outcomes, the same whatever the page's size."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from adapters.ledger import SqliteLedger
from adapters.memory.journal import steps_after
from adapters.memory.projection import FILL, ORDER, STEP, project
from adapters.memory.records import Page, name_of
from adapters.memory.round_trips import PositionTracker
from adapters.memory.sqlite_store import SqliteGraphStore
from core.cycles import DECIDE
from core.types import Action
from tests.default_universe import SECTOR_OF
from tests.graph_counts import whole_page
from tests.ledger_days import NASTY, Days
from tests.memory.ledgers import ALL, dump, ledger_of, some_days, write_again, write_all


@cache
def ledger() -> SqliteLedger:
    return some_days(3)


@cache
def page() -> Page:
    return whole_page(ledger())


@cache
def whole() -> dict[str, list[tuple[object, ...]]]:
    store = SqliteGraphStore(None)
    asyncio.run(write_all(ledger(), store, 5_000))
    return dump(store)


def test_every_row_of_the_ledger_is_one_episode() -> None:
    rows = Counter(episode.source_description for episode in page().episodes.values())
    assert rows == {STEP: ledger().last_step(), ORDER: len(ledger().orders(ALL)), FILL: len(ledger().fills(ALL))}
    names = {episode.name for episode in page().episodes.values()}
    assert names == {
        *(step.decision_id for step in ledger().decisions(ALL)),
        *(order.client_order_id for order in ledger().orders(ALL)),
        *(fill.fill_id for fill in ledger().fills(ALL)),
    }
    assert page().rows == sum(rows.values())


@settings(max_examples=10, deadline=None)
@given(page_steps=st.integers(1, 200))
def test_the_graph_is_the_same_whatever_the_size_of_a_page(page_steps: int) -> None:
    store = SqliteGraphStore(None)
    asyncio.run(write_all(ledger(), store, page_steps))
    assert dump(store) == whole()


@settings(max_examples=5, deadline=None)
@given(page_steps=st.integers(1, 200))
def test_writing_twice_changes_nothing(page_steps: int) -> None:
    async def twice() -> SqliteGraphStore:
        store = SqliteGraphStore(None)
        await write_all(ledger(), store, 100)
        await write_again(ledger(), store, page_steps)
        return store

    assert dump(asyncio.run(twice())) == whole()


def test_every_closed_trade_has_its_outcome_as_the_ledger_books_it() -> None:
    outcomes = [relation for relation in page().relations.values() if relation.name == "RETURNED"]
    told = sorted((str(r.attributes["profit_usd"]), r.valid_at, r.target) for r in outcomes)
    trades = ledger().trades(ALL)
    assert len(trades) > 5
    assert told == sorted((str(t.profit_usd), t.exit_at, name_of("Ticker", t.symbol)) for t in trades)


def test_a_closed_position_closes_its_facts_and_an_open_one_does_not() -> None:
    held = {r.uuid for r in page().relations.values() if r.name == "HOLDS"}
    ends = {uuid: closing.invalid_at for uuid, closing in page().closings.items()}
    closed = held & set(ends)
    assert len(closed) == len(ledger().trades(ALL))
    still = {page().relations[uuid].target for uuid in held - set(ends)}
    bought, sold = Counter[str](), Counter[str]()
    for fill in ledger().fills(ALL):
        (bought if fill.side.value == "buy" else sold)[fill.symbol] += int(fill.quantity)
    open_now = {symbol for symbol in bought if bought[symbol] > sold[symbol]}
    assert still == {name_of("Ticker", symbol) for symbol in open_now}
    assert open_now
    entered = {r.uuid for r in page().relations.values() if r.name == "DECIDED_TO_ENTER"}
    assert len(entered & set(ends)) == len(closed)
    for uuid in closed:
        assert page().relations[uuid].valid_at <= ends[uuid]


def test_who_was_right_is_the_sign_of_the_vote_against_the_trade() -> None:
    verdicts = [r for r in page().relations.values() if r.name.startswith("CALLED_")]
    profit = {
        r.source: float(r.attributes["profit_pct"]) for r in page().relations.values() if r.name == "RETURNED"
    }
    assert {r.name for r in verdicts} == {"CALLED_RIGHT_BY", "CALLED_WRONG_BY"}
    for verdict in verdicts:
        right = (float(verdict.attributes["score"]) > 0) == (profit[verdict.source] > 0)
        assert verdict.name == ("CALLED_RIGHT_BY" if right else "CALLED_WRONG_BY")
    assert len(verdicts) == 6 * len(profit)


def test_every_end_of_every_relation_is_there() -> None:
    things, told = set(page().entities), set(page().episodes)
    for relation in page().relations.values():
        assert {relation.source, relation.target} <= things
        assert set(relation.episodes) <= told
    for mention in page().mentions.values():
        assert mention.episode in told
        assert mention.entity in things
    assert {edge for episode in page().episodes.values() for edge in episode.entity_edges} <= set(
        page().relations
    )


def test_what_if_is_told_of_and_states_nothing() -> None:
    past = [
        structs.replace(step, cycle=replace(DECIDE, as_of=step.as_of), fills=())
        for step in Days(trades_a_day=4).steps(1)
        if step.plan.approved
    ]
    made = project(steps_after(ledger_of(past), 0, ALL), PositionTracker(SECTOR_OF))
    assert any(d.action is not Action.HOLD for step in past for d in step.plan.decisions)
    assert not [r for r in made.relations.values() if r.name != "IN_SECTOR"]
    assert sum(e.source_description == STEP for e in made.episodes.values()) == len(past)


def test_the_words_of_others_arrive_as_they_were_said() -> None:
    assert any(NASTY in relation.fact for relation in page().relations.values())
