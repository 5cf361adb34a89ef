"""The graph in Neo4j, by the official driver. All of one page is one transaction."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, LiteralString
from urllib.parse import urlsplit
from uuid import uuid4

from adapters.memory import cypher
from adapters.memory.projection import FILL, ORDER, STEP
from adapters.memory.records import (
    GROUP_ID,
    LABELS,
    ORIGIN,
    Entity,
    Episode,
    Mention,
    Page,
    Relation,
    as_properties,
    name_of,
)
from adapters.memory.store import OutOfStep, foreign, lost_things
from config.memory import MemorySettings
from core.errors import RecallError
from core.memory import Fact
from core.plain_words import plain_reason

if TYPE_CHECKING:
    from neo4j import AsyncDriver, AsyncTransaction

CypherRows = Sequence[dict[str, Any]]
DATABASE = "neo4j"
SCHEMES = ("bolt", "bolt+s", "bolt+ssc", "neo4j", "neo4j+s", "neo4j+ssc")
CONNECT_SECONDS_MAX, CLOSE_SECONDS_MAX = 5.0, 1.0
PORTION = 10_000


class Neo4jStore:
    """The graph behind NEO4J_URI. Implements `adapters.memory.store.GraphStore`; lives on one event loop.

    Parameters
    ----------
    password : str
        Sent to the server only: in no log, no message.
    """

    name = "neo4j"

    def __init__(self, uri: str, user: str, password: str, settings: MemorySettings) -> None:
        self.place = uri
        self._auth = (user, password)
        self._settings = settings
        self._writer = str(uuid4())
        self._driver: AsyncDriver | None = None

    async def open(self, ledger: str) -> int:
        """Connect, make the indexes, and give the place; a graph of another ledger is refused."""
        async with self._translated():
            driver = self._connected()
            for statement in cypher.INDEXES:
                await driver.execute_query(statement, database_=DATABASE)
            made = await driver.execute_query(cypher.MARK, {"id": GROUP_ID, "ledger": ledger}, database_=DATABASE)
        mark = made.records[0]
        if mark["ledger"] != ledger:
            raise foreign(self.place, mark["ledger"])
        return int(mark["sequence"])

    async def write(self, page: Page, after: int) -> None:
        """Write a page and move the place, in one transaction."""
        async with (
            self._translated(),
            self._connected().session(database=DATABASE) as session,
            await session.begin_transaction() as transaction,
        ):
            await self._take(transaction, after)
            times: dict[datetime, int] = {}
            for statement, rows in statements(page, times):
                if rows:
                    await self._run(transaction, statement, {"rows": rows, "times": list(times)})
            await transaction.run(cypher.MOVE_MARK, {"id": GROUP_ID, "sequence": page.until})
            await transaction.commit()

    async def place_in_ledger(self) -> int:
        """Return the place; -1 when the mark is gone."""
        found = await self._ask(cypher.READ_MARK, {"id": GROUP_ID})
        return int(found[0]["sequence"]) if found else -1

    async def facts(self, symbol: str, limit: int) -> tuple[Fact, ...]:
        """Return what is known of a ticker, newest first."""
        rows = await self._ask(cypher.FACTS, {"ticker": name_of("Ticker", symbol), "limit": limit})
        return tuple(_fact(row) for row in rows)

    async def wipe(self) -> None:
        """Delete what carries our marks, in portions, and the mark last."""
        ours = {"group": GROUP_ID, "origin": ORIGIN, "sources": [STEP, ORDER, FILL], "portion": PORTION}
        for statement in cypher.FORGET:
            while (await self._ask(statement, ours))[0]["gone"]:
                pass
        await self._ask(cypher.FORGET_MARK, {"id": GROUP_ID})

    async def close(self) -> None:
        """Close the connections."""
        driver, self._driver = self._driver, None
        if driver is not None:
            with suppress(TimeoutError):  # a server that stalls is not waited for
                await asyncio.wait_for(driver.close(), CLOSE_SECONDS_MAX)

    def _connected(self) -> AsyncDriver:
        if urlsplit(self.place).scheme not in SCHEMES:
            raise ValueError(f"its scheme is none of {', '.join(SCHEMES)}")
        if self._driver is None:
            from neo4j import AsyncGraphDatabase, NotificationMinimumSeverity  # noqa: PLC0415  # at first use

            self._driver = AsyncGraphDatabase.driver(
                self.place,
                auth=self._auth,
                connection_timeout=CONNECT_SECONDS_MAX,
                connection_acquisition_timeout=CONNECT_SECONDS_MAX,
                max_transaction_retry_time=0.0,  # the outbox tries again, in the open
                notifications_min_severity=NotificationMinimumSeverity.OFF,
                telemetry_disabled=True,
            )
        return self._driver

    async def _ask(self, statement: LiteralString, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        async with self._translated():
            answer = await self._connected().execute_query(statement, parameters, database_=DATABASE)
            return [dict(record) for record in answer.records]

    async def _take(self, transaction: AsyncTransaction, after: int) -> None:
        answer = await transaction.run(cypher.TAKE_MARK, {"id": GROUP_ID, "writer": self._writer})
        found = await answer.single()
        if found is None or found["sequence"] != after:
            raise OutOfStep(self.place)

    async def _run(self, transaction: AsyncTransaction, statement: LiteralString, given: dict[str, Any]) -> None:
        answer = await transaction.run(cypher.for_each(statement), given)
        counted = await answer.single()
        if counted is None or counted["done"] != len(given["rows"]):
            raise lost_things(self.place)

    @asynccontextmanager
    async def _translated(self) -> AsyncIterator[None]:
        """Bound the time, and turn the driver's exceptions into one of ours."""
        try:
            from neo4j.exceptions import AuthError, ConfigurationError, DriverError, Neo4jError  # noqa: PLC0415
        except ImportError as error:
            raise RecallError(
                "NEO4J_URI is set and Neo4j's driver is not installed.",
                hint="make run-all, or pip install -e '.[graph]'.",
            ) from error
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                yield
        except AuthError as error:
            raise RecallError(
                f"Neo4j at {self.place} refused NEO4J_USER or NEO4J_PASSWORD.", hint="Set both, then restart."
            ) from error
        except (ConfigurationError, ValueError) as error:
            raise RecallError(
                f"NEO4J_URI={self.place} cannot be used: {plain_reason(error)}.",
                hint="Use bolt://HOST:7687, then restart.",
            ) from error
        except TimeoutError as error:
            raise RecallError(
                f"Neo4j at {self.place} did not answer within {self._settings.timeout_seconds:g} s.", hint=_DOCKER
            ) from error
        except (DriverError, Neo4jError, OSError) as error:
            raise RecallError(f"Neo4j at {self.place} failed: {plain_reason(error)}.", hint=_DOCKER) from error


_DOCKER = "The daemon tries again by itself; see `docker ps | grep neo4j`, `docker restart neo4j`."


def statements(page: Page, times: dict[datetime, int]) -> Iterator[tuple[LiteralString, CypherRows]]:
    """Return what writes a page, things before what relates them; `times` gets each time once, with its place."""

    def place(at: datetime) -> int:
        return times.setdefault(at, len(times))

    def row(thing: Entity | Episode | Relation | Mention) -> dict[str, Any]:
        own = as_properties(thing)
        own.pop("reference_time", None)
        return {
            **{name: place(own.pop(name)) for name in ("created_at", "valid_at") if name in own},
            "own": own,
        }

    for label in LABELS:
        yield cypher.ENTITIES[label], [row(thing) for thing in page.entities.values() if thing.label == label]
    yield cypher.EPISODES, [row(episode) for episode in page.episodes.values()]
    yield cypher.RELATIONS, [row(relation) for relation in page.relations.values()]
    yield (
        cypher.MENTIONS,
        [{"episode": m.episode, "entity": m.entity, **row(m)} for m in page.mentions.values()],
    )
    yield (
        cypher.CLOSINGS,
        [
            {"relation": c.relation, "source": c.source, "invalid_at": place(c.invalid_at)}
            for c in page.closings.values()
        ],
    )


def _fact(row: dict[str, Any]) -> Fact:
    return Fact(
        uuid=row["uuid"], name=row["name"], fact=row["fact"], source=row["source"], target=row["target"],
        valid_at=_aware(row["valid_at"].to_native()),
        invalid_at=_aware(row["invalid_at"].to_native()) if row["invalid_at"] else None,
        episodes=tuple(row["episodes"]),
    )  # fmt: skip


def _aware(at: datetime) -> datetime:
    """Return UTC to a time that the server kept without its zone (ArcadeDB does)."""
    return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
