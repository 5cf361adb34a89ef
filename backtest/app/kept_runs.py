"""Lets go of the oldest kept runs, beyond a number, unless somebody has pinned them."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

from backtest.app.run_folder import FILES
from backtest.app.run_page import PAGE
from core.backtest_runs import PINNED, SUMMARY


def forget_oldest(parent: Path, kept_max: int | None, newest: Path) -> tuple[str, ...]:
    """Delete the oldest runs that are not pinned, so that so many are left; return their names.

    Only a run's own files are deleted: a folder in which somebody has put others stays, without the run.

    Parameters
    ----------
    newest : Path
        The run that was kept just now; it is never deleted.
    """
    if kept_max is None:
        return ()
    dated: list[tuple[float, str]] = []
    for path in parent.glob(f"*/{SUMMARY}"):
        with suppress(OSError):  # somebody deletes it now
            if path.parent != newest and not (path.parent / PINNED).exists():
                dated.append((path.stat().st_mtime, path.parent.name))
    gone = [name for _, name in sorted(dated, reverse=True)[kept_max - 1 :]]
    for name in gone:
        _delete(parent / name)
    return tuple(gone)


def _delete(folder: Path) -> None:
    for name in (SUMMARY, *FILES, PAGE):  # the summary first: without it the run is not listed
        with suppress(OSError):
            (folder / name).unlink()
    with suppress(OSError):  # other files are in it
        folder.rmdir()
