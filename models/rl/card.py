"""A member's card: what it is, what it learnt from, and how good it was; a typed struct written as JSON."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct, field

from core.errors import ArtefactError
from core.plain_words import plain_reason
from models.storage.typed import decode_checked

HINT = "Restore the file, or delete it and POST /train."
Text = Annotated[str, Meta(min_length=1, max_length=200)]
Day = Annotated[str, Meta(pattern=r"^\d{4}-\d{2}-\d{2}$")]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Share = Annotated[float, Meta(ge=0, le=1)]
Few = Meta(max_length=64)


class Window(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The sessions of a training as ISO dates; see `models.rl.windows.Windows.dates`."""

    first: Day
    last: Day
    stopped_at: Day
    judged_first: Day
    labels_end: Day


class OutOfSampleFigures(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How good a member was on sessions that nothing was chosen on, and what else could have been held then.

    Attributes
    ----------
    sharpe, sharpe_mean, sharpe_spread : float
        Annualised; of the kept weights, and the mean and spread over the seeds.
    total_return : float
        As a fraction; `return` in JSON.
    exposure : float
        Mean absolute position.
    chance_p : float
        Share of random deals at least as good, in (0, 1].
    """

    sessions: Count
    sharpe: float
    total_return: float = field(name="return")
    exposure: float
    chance_p: Share
    sharpe_by_seed: Annotated[Mapping[Text, float], Few]
    sharpe_mean: float
    sharpe_spread: float
    buy_and_hold_sharpe: float
    equal_weight_sharpe: float


class MemberCard(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The metadata of a member of the ensemble.

    Attributes
    ----------
    model_id : str
        `rl-MEMBER-DATE-HEX`.
    weights_digest : str
        SHA-256 over every parameter of the policy.
    skilled : bool
        Whether it was better than chance on the judged sessions.
    settings : mapping
        The RlSettings it was trained with.
    libraries : mapping of str to str
        Versions of what trained it.
    """

    model_id: Annotated[str, Meta(pattern=r"^[\w-]{1,100}$")]
    member: Annotated[str, Meta(pattern=r"^(ppo|a2c|ddpg)$")]
    weights_digest: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    tickers: Annotated[tuple[Text, ...], Meta(min_length=1, max_length=5_000)]
    window: Window
    seed: Count
    steps: Count
    out_of_sample: OutOfSampleFigures
    skilled: bool
    settings: Annotated[Mapping[Text, bool | int | float | Text | None], Few]
    libraries: Annotated[Mapping[Text, Text], Few]


_DECODER = msgspec.json.Decoder(MemberCard)


def encode_card(card: MemberCard) -> bytes:
    """Write a card as JSON."""
    return msgspec.json.encode(card)


def decode_card(body: bytes) -> MemberCard:
    """Read a card.

    Raises
    ------
    ArtefactError
        When a field is missing, null, unknown, ill-typed or out of its bounds.
    """
    card = decode_checked(_DECODER.decode, body, "The card", HINT)
    figures: Mapping[str, Any] = msgspec.structs.asdict(card.out_of_sample)
    numbers = [value for value in figures.values() if isinstance(value, float)]
    if not all(map(math.isfinite, (*numbers, *card.out_of_sample.sharpe_by_seed.values()))):
        raise ArtefactError("A figure of the card is not finite.", hint=HINT)
    try:
        days = [date.fromisoformat(day) for day in msgspec.structs.astuple(card.window)]
    except ValueError as error:
        raise ArtefactError(f"A day of the card's window is none: {plain_reason(error)}.", hint=HINT) from error
    if days[0] > days[1] or max(days) != days[4]:
        raise ArtefactError("The days of the card's window are not in order.", hint=HINT)
    return card
