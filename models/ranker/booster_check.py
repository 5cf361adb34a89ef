"""Examines boosters in a child process that may die, so that the engine's own does not; each digest once."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
from msgspec import Meta, Struct

from core.errors import ArtefactError
from models.ranker.booster import booster_fault
from models.storage.atomic_file import replace_atomically
from models.storage.bounded_file import read_bounded
from models.storage.typed import decode_checked

DEADLINE_SECONDS = 60.0
MEMORY_BYTES_MAX = 8 * 2**30
CACHE_BYTES_MAX = 64 * 2**10
SOUND_KEPT = 256
HINT = "It is begun anew."
log = structlog.get_logger("quant")
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


class SoundBoosters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The digests of boosters that one version of XGBoost was found to load and use, newest last."""

    library: str
    digests: Annotated[tuple[Digest, ...], Meta(max_length=SOUND_KEPT)] = ()


_DECODER = msgspec.json.Decoder(SoundBoosters)


class BoosterCheck:
    """Says what is wrong with boosters, and remembers what it found by their SHA-256.

    Parameters
    ----------
    path : Path or None
        Where the sound ones are remembered across starts; None to remember them in this process only.
    """

    def __init__(self, path: Path | None = None, deadline_seconds: float = DEADLINE_SECONDS) -> None:
        self._path = path
        self._deadline_seconds = deadline_seconds
        self._found: dict[str, str] = dict.fromkeys(_read(path), "")

    def faults(self, boosters: Sequence[bytes], features: int) -> tuple[str, ...]:
        """Say of each booster what is wrong with it; empty where nothing is.

        Blocks while a child process examines those that are not known yet: about a second for all of them, and
        at most the deadline for each that does not end.
        """
        digests = [hashlib.sha256(booster).hexdigest() for booster in boosters]
        unknown = {d: booster for d, booster in zip(digests, boosters, strict=True) if d not in self._found}
        if unknown:
            found = examine(tuple(unknown.values()), features, self._deadline_seconds)
            self._remember(dict(zip(unknown, found, strict=True)))
        return tuple(self._found[digest] for digest in digests)

    def trust(self, booster: bytes) -> None:
        """Remember a booster as sound that this engine's own training has just made and examined."""
        self._remember({hashlib.sha256(booster).hexdigest(): ""})

    def _remember(self, found: Mapping[str, str]) -> None:
        self._found.update(found)
        sound = tuple(digest for digest, fault in self._found.items() if not fault)[-SOUND_KEPT:]
        if self._path is None or not sound:
            return
        try:
            replace_atomically(
                self._path, msgspec.json.encode(SoundBoosters(library=_library_version(), digests=sound))
            )
        except OSError as error:  # only the next start is slower for it
            log.warning("quant.booster_check_not_kept", reason=str(error))


def examine(boosters: Sequence[bytes], features: int, deadline_seconds: float) -> list[str]:
    """Examine boosters one after the other in a child process; one that ends it is at fault, and the rest go on.

    Parameters
    ----------
    deadline_seconds : float
        For each, the start of the process included.

    Returns
    -------
    list of str
        What is wrong with each; empty where nothing is.
    """
    found: list[str] = []
    while len(found) < len(boosters):
        found += _examine_until_one_ends_it(boosters[len(found) :], features, deadline_seconds)
    return found


def _examine_until_one_ends_it(boosters: Sequence[bytes], features: int, deadline_seconds: float) -> list[str]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_serve, args=(theirs, features), daemon=True, name="booster-check")
    child.start()
    theirs.close()
    found: list[str] = []
    try:
        for booster in boosters:
            ours.send_bytes(booster)
            if not ours.poll(deadline_seconds):
                return [*found, f"it was not loaded within {deadline_seconds:.0f} s"]
            found.append(ours.recv_bytes().decode())
    except (EOFError, ConnectionError):
        child.join()
        found.append(f"loading it ended the process that tried with exit code {child.exitcode}")
    finally:
        child.kill()
        child.join()
        ours.close()
    return found


def _serve(parent: Connection, features: int) -> None:
    _limit_this_process()
    while True:
        try:
            booster = parent.recv_bytes()
        except (EOFError, ConnectionError):
            return
        try:
            fault = booster_fault(booster, features)
        except Exception as error:  # noqa: BLE001  # whatever it raises, the booster is at fault and is named
            fault = f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"
        parent.send_bytes(fault[:300].encode("utf-8", "replace"))


def _limit_this_process() -> None:
    """Bound the memory, and leave no core file: what is examined may be made to harm."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  # there is none on Windows

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = MEMORY_BYTES_MAX if most == resource.RLIM_INFINITY else min(MEMORY_BYTES_MAX, most)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, most))


def _read(path: Path | None) -> tuple[str, ...]:
    if path is None:
        return ()
    try:
        body = read_bounded(path, CACHE_BYTES_MAX, HINT)
        kept = decode_checked(_DECODER.decode, body, str(path), HINT)
    except FileNotFoundError:
        return ()
    except ArtefactError as error:
        log.warning("quant.booster_check_refused", reason=str(error))
        return ()
    return kept.digests if kept.library == _library_version() else ()


def _library_version() -> str:
    for package in ("xgboost", "xgboost-cpu"):
        try:
            return version(package)
        except PackageNotFoundError:
            continue
    return ""
