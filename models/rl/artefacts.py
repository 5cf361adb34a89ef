"""The RL members' files: `ppo_model.zip`, `a2c_model.zip`, `ddpg_model.zip`, and the registry of their SHA-256.

Each is stable-baselines3's own zip with two entries more: `actor.npz`, the policy as plain arrays, and
`card.json`, its metadata. The engine reads these two only, so nothing is unpickled and torch is not needed.
A file the registry did not write is refused before it is opened.
"""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from core.errors import ArtefactError
from models.rl.policy import MEMBERS, Actor, load_actor
from models.storage.atomic_file import replace_atomically

REGISTRY = Path("registry") / "rl_registry.json"
ACTOR, CARD = "actor.npz", "card.json"
ENTRIES_KEPT = 5
BYTES_MAX = 64 * 2**20
HINT = "Restore the file, or delete it and POST /train."
CARD_FIELDS = {
    "model_id", "member", "weights_digest", "tickers", "window", "seed", "steps", "out_of_sample", "skilled",
    "settings", "libraries",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class StoredMember:
    """A member of the ensemble as it was read.

    Attributes
    ----------
    card : mapping
        Its metadata: see `models.rl.child.card_of`.
    """

    actor: Actor
    card: Mapping[str, Any]

    @property
    def name(self) -> str:
        """`ppo`, `a2c` or `ddpg`."""
        return str(self.card["member"])

    @property
    def model_id(self) -> str:
        """`rl-MEMBER-DATE-HEX`."""
        return str(self.card["model_id"])


def file_of(folder: Path, member: str) -> Path:
    """Give the path of a member's file."""
    return folder / f"{member}_model.zip"


def save(packed: list[Mapping[str, Any]], folder: Path, saved_at: datetime) -> None:
    """Put trained members in use.

    The registry is written first and knows the old files too: a stop in between leaves every file known.

    Parameters
    ----------
    packed : list of mapping
        `model` and `actor` bytes and `card`, as `models.rl.child.train_ensemble` gives them.
    """
    bodies = {str(one["card"]["member"]): _with_entries(one) for one in packed}
    known = _known_or_none(folder)
    for member, body in bodies.items():
        entry = {"sha256": _seal(body), "saved_at": saved_at.isoformat()}
        older = [held for held in known.get(member, []) if held["sha256"] != entry["sha256"]]
        known[member] = [*older, entry][-ENTRIES_KEPT:]
    replace_atomically(folder / REGISTRY, (json.dumps(known, indent=2) + "\n").encode())
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
        with path.open("rb") as file:
            body = file.read(BYTES_MAX + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ArtefactError(f"{path} cannot be read: {error}.", hint=HINT) from error
    seal = _seal(body)
    if seal not in {entry["sha256"] for entry in registry(folder).get(member, [])}:
        raise ArtefactError(
            f"{path} is not a model this engine wrote: its SHA-256 {seal[:12]}… is not in the registry. "
            "It was changed, cut short or brought from elsewhere, and is not used.",
            hint=HINT,
        )
    return _opened(body, member, path)


def registry(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Read which files were written, by member, oldest first.

    Raises
    ------
    ArtefactError
        When the registry cannot be read as one.
    """
    path = folder / REGISTRY
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        return {
            member: [
                {"sha256": str(e["sha256"]), "saved_at": str(e["saved_at"])} for e in content.get(member, [])
            ]
            for member in MEMBERS
        }
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, OSError) as error:
        raise ArtefactError(
            f"The RL models' registry {path} cannot be read: {error!r}.", hint="Delete it, then POST /train."
        ) from error


def _known_or_none(folder: Path) -> dict[str, list[dict[str, str]]]:
    """Read the registry; one that cannot be read is begun anew by new models."""
    try:
        return registry(folder)
    except ArtefactError:
        return {}


def _opened(body: bytes, member: str, path: Path) -> StoredMember:
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            actor, card = load_actor(archive.read(ACTOR)), json.loads(archive.read(CARD))
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ArtefactError(f"{path} holds no policy: {error}.", hint=HINT) from error
    if not isinstance(card, dict) or set(card) != CARD_FIELDS or card["member"] != member:
        raise ArtefactError(f"{path} does not say what it is, or is another member's.", hint=HINT)
    return StoredMember(actor=actor, card=card)


def _with_entries(packed: Mapping[str, Any]) -> bytes:
    body = io.BytesIO(packed["model"])
    with zipfile.ZipFile(body, "a") as archive:
        archive.writestr(ACTOR, packed["actor"])
        archive.writestr(CARD, json.dumps(packed["card"]))
    return body.getvalue()


def _seal(body: bytes) -> str:
    return hashlib.sha256(body).hexdigest()
