"""The letters that were written, as files: one JSON and one page a session."""

from __future__ import annotations

from pathlib import Path

import msgspec

from core.errors import RequestError
from core.letter import Letter
from models.storage.atomic_file import replace_atomically


class LetterStore:
    """Keeps letters in a folder; a reader meets a whole letter or none.

    Parameters
    ----------
    folder : Path
        It is made with the first letter.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, letter: Letter, page: str) -> None:
        """Write a session's letter, or write it anew."""
        replace_atomically(self._folder / f"{letter.session}.html", page.encode())
        body = msgspec.json.format(msgspec.json.encode(letter))
        replace_atomically(self._folder / f"{letter.session}.json", body)

    def sessions(self) -> tuple[str, ...]:
        """Return the sessions that have a letter, ISO dates, newest first."""
        return tuple(sorted((path.stem for path in self._folder.glob("*.json")), reverse=True))

    def read(self, session: str) -> Letter | None:
        """Return a session's letter (ISO date; empty for the newest); None when there is none.

        Raises
        ------
        core.errors.RequestError
            404 for a file that is damaged; it is left as it is.
        """
        kept = sorted(self._folder.glob("*.json")) if self._folder.exists() else []
        chosen = [path for path in kept if path.stem == session or not session]
        if not chosen:
            return None
        try:
            return msgspec.json.decode(chosen[-1].read_bytes(), type=Letter)
        except (OSError, msgspec.MsgspecError) as error:
            raise RequestError(
                f"The letter {chosen[-1]} cannot be read: it was changed or cut short. The ledger has all of it.",
                hint="Move the file away; POST /letter writes that of the last session anew.",
                status=404,
            ) from error
