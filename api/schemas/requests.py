"""Request bodies: each is optional, every unknown field is refused."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection
from contextvars import ContextVar
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainValidator,
    StrictBool,
    StrictFloat,
    StrictInt,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from core.errors import RequestError
from core.registry import nearest_name
from core.text_forms import IDENTIFIER
from core.tickers import spelt
from core.times import NEW_YORK, market_date
from core.universe import Universe

NAME_SHOWN_MAX = 64
EARLIEST = datetime(2001, 1, 1, tzinfo=UTC)  # the exchange calendar reaches back to 2000
LAST_MOMENT = time(23, 59, 59)
SEED_MAX = 2**31 - 1
TICKER_CHARACTERS_MAX = 12
TICKERS_MAX = 5_000
UNIVERSE: ContextVar[Universe] = ContextVar("universe")  # the engine's, while one of its requests is read
HELD: ContextVar[Callable[[], Collection[str]]] = ContextVar("held")  # what is held, in the same way


def parse_moment(value: object) -> datetime | date:
    """Read an ISO date, or an ISO date and time with its zone.

    Raises
    ------
    PydanticCustomError
        For anything else, numbers included.
    """
    try:
        if isinstance(value, date):
            return value
        if isinstance(value, str) and len(value) <= 10:
            return date.fromisoformat(value)
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise PydanticCustomError(
            "moment",
            "as_of is neither a date nor a date and time with its zone",
            {"hint": "Write it like 2025-06-30 or 2025-06-30T15:45:00-04:00."},
        )
    return moment


def printable(name: str) -> str:
    """Return the beginning of a name that a caller sent, what cannot be encoded escaped."""
    return name[:NAME_SHOWN_MAX].encode("utf-8", "backslashreplace").decode()


def whole_number(value: object) -> object:
    """Turn a number such as 1818.0 into the integer it is: JSON does not tell the two apart."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def known_ticker(name: str) -> str:
    """Give the ticker as the universe spells it.

    Raises
    ------
    PydanticCustomError
        When the engine cannot decide on it, with the nearest known names.
    """
    universe, ticker = UNIVERSE.get(), spelt(name)
    if ticker in universe.sector_of:
        return ticker
    if ticker in universe.symbols:
        raise PydanticCustomError(
            "watched_ticker",
            "{ticker} is a benchmark: watched, never traded",
            {"ticker": ticker, "hint": f"Name stocks of the universe {universe.name}."},
        )
    near = difflib.get_close_matches(ticker, universe.stocks, n=3, cutoff=0.3) or universe.stocks[:3]
    raise PydanticCustomError(
        "unknown_ticker",
        "{ticker} is not in the universe",
        {"ticker": ticker, "hint": f"The nearest known names are {', '.join(near)}."},
    )


def held_or_known_ticker(name: str) -> str:
    """Give the ticker of what is held, of the universe or not, else as `known_ticker` does."""
    ticker = spelt(name)
    known = ticker in UNIVERSE.get().sector_of or ticker in HELD.get()()
    return ticker if known else known_ticker(name)


PastTime = Annotated[
    datetime | date,
    PlainValidator(parse_moment),
    WithJsonSchema({"anyOf": [{"type": "string", "format": "date-time"}, {"type": "string", "format": "date"}]}),
]
Ticker = Annotated[
    str,
    Field(min_length=1, max_length=TICKER_CHARACTERS_MAX),
    AfterValidator(known_ticker),
    WithJsonSchema({"type": "string", "examples": ["NVDA"], "description": "A stock of the universe."}),
]
HeldTicker = Annotated[
    str,
    Field(min_length=1, max_length=TICKER_CHARACTERS_MAX),
    AfterValidator(held_or_known_ticker),
    WithJsonSchema({
        "type": "string", "examples": ["NVDA"], "description": "A stock that is held, or one of the universe.",
    }),
]  # fmt: skip

Tickers = Annotated[list[Ticker], Field(min_length=1, max_length=TICKERS_MAX)]


LimitValues = Annotated[
    dict[str, StrictInt | StrictFloat | StrictBool | None], Field(min_length=1, max_length=50)
]


WHOLE = BeforeValidator(whole_number)
Seed = Annotated[StrictInt, Field(ge=0, le=SEED_MAX), WHOLE]


class RequestBody(BaseModel):
    """A body whose unknown fields are refused, with the nearest name."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _only_known_fields(cls, body: Any) -> Any:
        known = tuple(cls.model_fields)
        unknown = [printable(name) for name in body if name not in known] if isinstance(body, dict) else []
        if not unknown:
            return body
        near = nearest_name(unknown[0], known)
        raise PydanticCustomError(
            "unknown_field",
            "there is no field {names}",
            {
                "names": ", ".join(unknown[:5]),
                "hint": f"The nearest field is {near}; the fields are {', '.join(known)}."
                if near
                else "This call takes no fields: send {} or no body.",
            },
        )


class NothingAsked(RequestBody):
    """No options: an empty object, or no body."""


class DecideRequest(RequestBody):
    """When, on what, and whether to send the orders."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{}, {"as_of": "2025-06-30", "tickers": ["NVDA", "AAPL"]}]}
    )

    as_of: PastTime | None = Field(
        default=None,
        description="Decide as of this past moment, against an empty portfolio; a date means its end in New "
        "York. Default: now.",
    )
    tickers: Tickers | None = Field(None, description="Decide on these only. Default: the whole watchlist.")
    execute: StrictBool = Field(default=False, description="Also send the approved orders.")


class LimitsRequest(RequestBody):
    """Which limits to change, and whether for real."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"changes": {"portfolio_limits.max_positions": 8}, "dry_run": False}]}
    )

    changes: LimitValues = Field(
        description="New values by dotted key of `risk.json`; null switches a limit off."
    )
    dry_run: StrictBool = Field(default=True, description="Only say what would change.")


class ExecuteRequest(RequestBody):
    """Which decision to execute, and whether for real."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"dry_run": False}]})

    decision_id: Annotated[str, Field(pattern=IDENTIFIER)] | None = Field(
        None, description="Default: the last decision."
    )
    dry_run: StrictBool = Field(default=True, description="Only say what would be sent.")


class SellRequest(RequestBody):
    """Which position is sold, and how much of it."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"symbol": "AAPL", "quantity": 5}]})

    symbol: HeldTicker
    quantity: Annotated[Decimal, Field(gt=0, le=1_000_000_000)] | None = Field(
        None, description="Shares. Default: all that is held."
    )


class HaltRequest(RequestBody):
    """Why trading stops."""

    reason: Annotated[str, Field(min_length=1, max_length=200)] = "asked for by POST /halt"


class ResumeRequest(RequestBody):
    """What is taken over as the broker's account has it; nothing that is not named is."""

    take_over: Annotated[
        list[Annotated[str, Field(min_length=1, max_length=16)]],
        Field(max_length=1000, description="Tickers, or `cash`, of GET /reconciliation's resume_can_take_over."),
    ] = []


class RollbackRequest(RequestBody):
    """Which kept ranker is put back in use."""

    model_config = ConfigDict(json_schema_extra={"examples": [{}, {"model_id": "quant-v8-20250530-6b36697a"}]})

    model_id: Annotated[str, Field(pattern=IDENTIFIER)] | None = Field(
        default=None, description="Of a version that GET /status lists; by default the one before the one in use."
    )


def past_moment(as_of: datetime | date | None, now: datetime) -> datetime | None:
    """Turn a requested date or moment into a past moment, UTC; None stays None (now).

    What lies before any data becomes the earliest moment there is a calendar for: the engine says what is the
    first session with bars.

    Raises
    ------
    RequestError
        Status 422 when it lies in the future.
    """
    if as_of is None:
        return None
    if not isinstance(as_of, datetime):
        if as_of > market_date(now):
            raise _in_the_future(as_of)
        as_of = min(now, datetime.combine(as_of, LAST_MOMENT, NEW_YORK))
    if as_of > now:
        raise _in_the_future(as_of)
    return max(as_of, EARLIEST).astimezone(UTC)


def _in_the_future(as_of: date) -> RequestError:
    return RequestError(
        f"as_of {as_of.isoformat()} is in the future.",
        hint="Ask for a moment that has been, or leave as_of out for now.",
        status=422,
    )
