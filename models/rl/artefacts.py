"""The RL members' files: `ppo_model.zip`, `a2c_model.zip`, `ddpg_model.zip`, and the registry of their SHA-256.

Each is stable-baselines3's own zip with two entries more: `actor.npz`, the policy as plain arrays, and
`card.json`, its metadata. The engine reads these two only, so nothing is unpickled and torch is not needed.
A file the registry did not write is refused before it is opened.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from core.errors import ArtefactError
from models.rl.card import HINT, MemberCard, decode_card, encode_card
from models.rl.policy import ACTOR_BYTES_MAX, MEMBERS, Actor, load_actor
from models.storage.atomic_file import replace_atomically
from models.storage.bounded_file import read_bounded
from models.storage.bounded_zip import read_entries
from models.storage.typed import decode_checked

REGISTRY = Path("registry") / "rl_registry.json"
ACTOR, CARD = "actor.npz", "card.json"
ENTRIES_KEPT = 5
BYTES_MAX, CARD_BYTES_MAX, REGISTRY_BYTES_MAX = 64 * 2**20, 2**18, 2**18
REGISTRY_HINT = "Delete it, then POST /train."


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredMember:
    """A member of the ensemble as it was read."""

    actor: Actor
    card: MemberCard

    @property
    def name(self) -> str:
        """`ppo`, `a2c` or `ddpg`."""
        return self.card.member

    @property
    def model_id(self) -> str:
        """`rl-MEMBER-DATE-HEX`."""
        return self.card.model_id


class TrainedMember(Struct, frozen=True, kw_only=True):
    """A member as a training gives it.

    Attributes
    ----------
    model : bytes
        Stable-baselines3's own zip.
    actor : bytes
        Its deterministic policy as `.npz` (`models.rl.policy.Actor.dump`).
    """

    model: bytes
    actor: bytes
    card: MemberCard


class WrittenFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A file that the engine wrote: its SHA-256, and when as an ISO time."""

    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
    saved_at: Annotated[str, Meta(max_length=64)]


WrittenFiles = Annotated[tuple[WrittenFile, ...], Meta(max_length=64)]
_DECODER = msgspec.json.Decoder(Annotated[dict[str, WrittenFiles], Meta(max_length=16)])


def file_of(folder: Path, member: str) -> Path:
    """Return the path of a member's file."""
    return folder / f"{member}_model.zip"


def save(trained: Sequence[TrainedMember], folder: Path, saved_at: datetime) -> None:
    """Put trained members in use.

    The registry is written first and knows the old files too: a stop in between leaves every file known.

    Raises
    ------
    ArtefactError
        When a member could not be read again as it would be written; nothing was changed.
    """
    bodies = {one.card.member: _with_entries(one) for one in trained}
    for member, body in bodies.items():
        _decode(body, member, file_of(folder, member))
    known = _known_or_none(folder)
    for member, body in bodies.items():
        entry = WrittenFile(sha256=_fingerprint(body), saved_at=saved_at.isoformat())
        older = [held for held in known.get(member, ()) if held.sha256 != entry.sha256]
        known[member] = (*older, entry)[-ENTRIES_KEPT:]
    replace_atomically(folder / REGISTRY, msgspec.json.format(msgspec.json.encode(known), indent=2) + b"\n")
    for member, body in bodies.items():
        replace_atomically(file_of(folder, member), body)


def load_member(folder: Path, member: str) -> StoredMember | None:
    """Read a member; None when there is no file.

    Raises
    ------
    ArtefactError
        When the file is not, byte for byte, one that the registry wrote, or holds no policy.
    """
    path = file_of(folder, member)
    try:
        body = read_bounded(path, BYTES_MAX, HINT)
    except FileNotFoundError:
        return None
    fingerprint = _fingerprint(body)
    if fingerprint not in {entry.sha256 for entry in registry(folder).get(member, ())}:
        raise ArtefactError(
            f"{path} is not a model this engine wrote: its SHA-256 {fingerprint[:12]}… is not in the registry. "
            "It was changed, cut short or brought from elsewhere, and is not used.",
            hint=HINT,
        )
    return _decode(body, member, path)


def registry(folder: Path) -> Mapping[str, tuple[WrittenFile, ...]]:
    """Read which files were written, by member, oldest first.

    Raises
    ------
    ArtefactError
        When the registry cannot be read as one.
    """
    path = folder / REGISTRY
    try:
        body = read_bounded(path, REGISTRY_BYTES_MAX, REGISTRY_HINT)
    except FileNotFoundError:
        return {}
    known = decode_checked(_DECODER.decode, body, f"The RL models' registry {path}", REGISTRY_HINT)
    return {member: known.get(member, ()) for member in MEMBERS}


def _known_or_none(folder: Path) -> dict[str, tuple[WrittenFile, ...]]:
    """Read the registry; one that cannot be read is begun anew by new models."""
    try:
        return dict(registry(folder))
    except ArtefactError:
        return {}


def _decode(body: bytes, member: str, path: Path) -> StoredMember:
    try:
        entries = read_entries(body, {ACTOR: ACTOR_BYTES_MAX, CARD: CARD_BYTES_MAX}, hint=HINT)
        actor, card = load_actor(entries[ACTOR]), decode_card(entries[CARD])
    except ArtefactError as error:
        raise ArtefactError(f"{path} holds no policy: {error.message}", hint=error.hint) from error
    if card.member != member:
        raise ArtefactError(f"{path} is another member's: {card.member}.", hint=HINT)
    return StoredMember(actor=actor, card=card)


def _with_entries(trained: TrainedMember) -> bytes:
    body = io.BytesIO(trained.model)
    with zipfile.ZipFile(body, "a") as archive:
        archive.writestr(ACTOR, trained.actor)
        archive.writestr(CARD, encode_card(trained.card))
    return body.getvalue()


def _fingerprint(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
