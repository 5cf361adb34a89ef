"""Examines model files in a child process that may die, so that the engine's own does not; each digest once."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Annotated

import msgspec
import structlog
from msgspec import Meta, Struct

from core.errors import ArtefactError
from core.plain_words import plain_reason
from models.storage.atomic_file import replace_atomically
from models.storage.bounded_file import read_bounded
from models.storage.typed import decode_checked

DEADLINE_SECONDS = 60.0
START_SECONDS = 60.0
MEMORY_BYTES_MAX = 8 * 2**30
CACHE_BYTES_MAX = 64 * 2**10
SOUND_KEPT = 256
FAULT_CHARACTERS_MAX = 300
HINT = "It is begun anew."
log = structlog.get_logger("models")
Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]
FaultOf = Callable[[bytes], str]


class SoundArtefacts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The digests of what one version of a library was found to load and use, newest last."""

    library: str
    digests: Annotated[tuple[Digest, ...], Meta(max_length=SOUND_KEPT)] = ()


_DECODER = msgspec.json.Decoder(SoundArtefacts)


class Examiner:
    """Says what is wrong with artefacts, and remembers what it found by their SHA-256.

    Parameters
    ----------
    fault_of : callable
        Importable; runs in the child process on what it is given, and may end that process. Returns what is
        wrong, empty when nothing is.
    library : str
        Name and version of what loads them: what another version loaded is examined again.
    path : Path or None
        Where the sound ones are remembered across starts; None to remember them in this process only.
    """

    def __init__(
        self, fault_of: FaultOf, library: str, path: Path | None, deadline_seconds: float = DEADLINE_SECONDS
    ) -> None:
        self._fault_of = fault_of
        self._library = library
        self._path = path
        self._deadline_seconds = deadline_seconds
        self._found: dict[str, str] = dict.fromkeys(_read(path, library), "")

    def faults(self, artefacts: Sequence[tuple[str, bytes]]) -> tuple[str, ...]:
        """Say of each artefact what is wrong with it; empty where nothing is.

        Blocks while a child process examines those that are not known yet, at most the deadline for each.

        Parameters
        ----------
        artefacts : sequence of (str, bytes)
            The SHA-256 of each, hexadecimal, and what `fault_of` is given.
        """
        unknown = {digest: content for digest, content in artefacts if digest not in self._found}
        if unknown:
            found = examine(tuple(unknown.values()), self._fault_of, self._deadline_seconds)
            self._remember(dict(zip(unknown, found, strict=True)))
        return tuple(self._found[digest] for digest, _ in artefacts)

    def trust(self, digest: str) -> None:
        """Remember an artefact as sound that this engine has just made itself, and examined."""
        self._remember({digest: ""})

    def _remember(self, found: Mapping[str, str]) -> None:
        self._found.update(found)
        sound = tuple(digest for digest, fault in self._found.items() if not fault)[-SOUND_KEPT:]
        if self._path is None or not sound:
            return
        try:
            replace_atomically(
                self._path, msgspec.json.encode(SoundArtefacts(library=self._library, digests=sound))
            )
        except OSError as error:  # only the next start is slower for it
            log.warning("models.examination_not_kept", reason=plain_reason(error))


def examine(artefacts: Sequence[bytes], fault_of: FaultOf, deadline_seconds: float) -> list[str]:
    """Examine artefacts one after the other in a child process; one that ends it is at fault, the rest go on.

    Parameters
    ----------
    deadline_seconds : float
        For each.

    Returns
    -------
    list of str
        What is wrong with each; empty where nothing is.

    Raises
    ------
    ArtefactError
        When the child process does not start.
    """
    found: list[str] = []
    while len(found) < len(artefacts):
        found += _examine_until_one_ends_it(artefacts[len(found) :], fault_of, deadline_seconds)
    return found


def _examine_until_one_ends_it(
    artefacts: Sequence[bytes], fault_of: FaultOf, deadline_seconds: float
) -> list[str]:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    child = context.Process(target=_serve, args=(theirs, fault_of), daemon=True, name="examination")
    child.start()
    theirs.close()
    found: list[str] = []
    try:
        _wait_for_start(ours)
        for artefact in artefacts:
            ours.send_bytes(artefact)
            if not ours.poll(deadline_seconds):
                return [*found, f"it was not loaded within {deadline_seconds:.0f} s"]
            found.append(ours.recv_bytes().decode())
    except (EOFError, ConnectionError):
        child.join()
        found.append(f"loading it ended the process that tried, with exit code {child.exitcode}")
    finally:
        child.kill()
        child.join()
        ours.close()
    return found


def _wait_for_start(child: Connection) -> None:
    try:
        started = child.poll(START_SECONDS) and child.recv_bytes() == b""
    except (EOFError, ConnectionError):
        started = False
    if not started:
        raise ArtefactError(
            "The process that examines model files does not start, so none is used.",
            hint="See the log for its reason, then start again.",
        )


def _serve(parent: Connection, fault_of: FaultOf) -> None:
    _limit_this_process()
    parent.send_bytes(b"")
    while True:
        try:
            artefact = parent.recv_bytes()
        except (EOFError, ConnectionError):
            return
        try:
            fault = fault_of(artefact)
        except Exception as error:  # noqa: BLE001  # whatever it raises, the artefact is at fault and is named
            fault = f"{type(error).__name__}: {plain_reason(error).partition(chr(10))[0]}"
        parent.send_bytes(fault[:FAULT_CHARACTERS_MAX].encode("utf-8", "replace"))


def _limit_this_process() -> None:
    """Bound the memory, and leave no core file: what is examined may be made to harm."""
    if sys.platform == "win32":
        return
    import resource  # noqa: PLC0415  # there is none on Windows

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _, most = resource.getrlimit(resource.RLIMIT_AS)
    wanted = MEMORY_BYTES_MAX if most == resource.RLIM_INFINITY else min(MEMORY_BYTES_MAX, most)
    resource.setrlimit(resource.RLIMIT_AS, (wanted, most))


def _read(path: Path | None, library: str) -> tuple[str, ...]:
    if path is None:
        return ()
    try:
        body = read_bounded(path, CACHE_BYTES_MAX, HINT)
        kept = decode_checked(_DECODER.decode, body, str(path), HINT)
    except FileNotFoundError:
        return ()
    except ArtefactError as error:
        log.warning("models.examination_refused", reason=str(error))
        return ()
    return kept.digests if kept.library == library else ()
