"""The graph's nouns, in the schema that graphiti-core 0.31 writes to Neo4j, and their names.

Every uuid is derived from what it names, and nothing holds a wall clock's time: writing a row twice is
writing the same thing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import NAMESPACE_URL, uuid5

GROUP_ID = "trading-portfolio"
ORIGIN = "trading-engine"
LABELS = ("Ticker", "Sector", "Regime", "Agent", "Decision", "Position")
Value = str | float | int | bool
_NAMESPACE = uuid5(NAMESPACE_URL, f"urn:{ORIGIN}:{GROUP_ID}")


@lru_cache(maxsize=10_000)
def name_of(kind: str, *key: str) -> str:
    """Return the uuid of a thing by what it is."""
    return str(uuid5(_NAMESPACE, "\x1f".join((kind, *key))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A thing: `(:Entity:<label>)`.

    Attributes
    ----------
    label : str
        One of `LABELS`.
    """

    uuid: str
    label: str
    name: str
    created_at: datetime
    summary: str = ""
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """A ledger row: `(:Episodic)`.

    Attributes
    ----------
    source : str
        `json` or `text`, as Graphiti's EpisodeType has it.
    source_description : str
        Which table of the ledger it is a row of.
    entity_edges : tuple of str
        The relations that it states.
    """

    uuid: str
    name: str
    source: str
    source_description: str
    content: str
    valid_at: datetime
    created_at: datetime
    entity_edges: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Relation:
    """A fact: `(:Entity)-[:RELATES_TO]->(:Entity)`."""

    uuid: str
    source: str
    target: str
    name: str
    fact: str
    episodes: tuple[str, ...]
    created_at: datetime
    valid_at: datetime
    attributes: Mapping[str, Value] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mention:
    """`(:Episodic)-[:MENTIONS]->(:Entity)`."""

    uuid: str
    episode: str
    entity: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Closing:
    """The end of a fact: from then on it is no longer true."""

    relation: str
    source: str
    invalid_at: datetime


@dataclass(slots=True)
class Page:
    """What some ledger rows come to in the graph, each thing once: the first to name it states it.

    Attributes
    ----------
    sector_of : mapping of str to str
        Each stock's sector.
    until : int
        Sequence number of the last step in it.
    rows : int
        How many ledger rows it stands for: steps, orders and fills.
    """

    sector_of: Mapping[str, str] = field(default_factory=dict)
    until: int = 0
    rows: int = 0
    entities: dict[str, Entity] = field(default_factory=dict)
    episodes: dict[str, Episode] = field(default_factory=dict)
    relations: dict[str, Relation] = field(default_factory=dict)
    mentions: dict[str, Mention] = field(default_factory=dict)
    closings: dict[str, Closing] = field(default_factory=dict)

    def entity(self, label: str, name: str, at: datetime, summary: str = "", **attributes: Value) -> str:
        """Name a thing; return its uuid."""
        uuid = name_of(label, name)
        if uuid not in self.entities:
            self.entities[uuid] = Entity(
                uuid=uuid, label=label, name=name, created_at=at, summary=summary, attributes=attributes
            )
        return uuid

    def relate(
        self, source: str, name: str, target: str, fact: str, *,
        episode: str, known_at: datetime, valid_at: datetime, **attributes: Value,
    ) -> str:  # fmt: skip
        """State a fact; return its uuid."""
        uuid = name_of("RELATES_TO", source, name, target)
        if uuid not in self.relations:
            self.relations[uuid] = Relation(
                uuid=uuid, source=source, target=target, name=name, fact=fact, episodes=(episode,),
                created_at=known_at, valid_at=valid_at, attributes=attributes,
            )  # fmt: skip
        return uuid

    def mention(self, episode: str, entity: str, at: datetime) -> None:
        """Note that an episode mentions a thing."""
        uuid = name_of("MENTIONS", episode, entity)
        self.mentions.setdefault(uuid, Mention(uuid=uuid, episode=episode, entity=entity, created_at=at))


def as_properties(thing: Entity | Episode | Relation | Mention) -> dict[str, Any]:
    """Return a thing's properties as Graphiti names them; embeddings are left to who has a model for them."""
    common = {"uuid": thing.uuid, "group_id": GROUP_ID, "created_at": thing.created_at}
    own: dict[str, Any] = {}
    match thing:
        case Entity():
            own = {"name": thing.name, "summary": thing.summary, "origin": ORIGIN, **thing.attributes}
        case Episode():
            own = {
                "name": thing.name, "source": thing.source, "source_description": thing.source_description,
                "content": thing.content, "valid_at": thing.valid_at, "entity_edges": list(thing.entity_edges),
            }  # fmt: skip
        case Relation():
            own = {
                "source_uuid": thing.source, "target_uuid": thing.target, "name": thing.name,
                "fact": thing.fact, "episodes": list(thing.episodes), "valid_at": thing.valid_at,
                "reference_time": thing.valid_at, "origin": ORIGIN, **thing.attributes,
            }  # fmt: skip
    return common | own
