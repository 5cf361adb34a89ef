"""A letter on disk: whole or not there, whoever reads while it is written; a damaged one is named."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from msgspec.structs import replace

from core.errors import RequestError
from core.letter import Letter
from daemon.letter_store import LetterStore
from tests.simulation.test_letter import lived


@pytest.fixture(scope="module")
def letter() -> Letter:
    return lived().letter


def test_what_is_kept_comes_back_and_the_newest_is_given_without_a_day(letter: Letter, tmp_path: Path) -> None:
    store = LetterStore(tmp_path / "letters")
    assert store.read("") is None
    assert store.sessions() == ()
    later = replace(letter, session="2031-01-02")
    for one in (later, letter):
        store.save(one, "a page")
    assert store.read("") == later
    assert store.sessions() == ("2031-01-02", letter.session)
    assert store.read(letter.session) == letter
    assert store.read("1999-01-04") is None
    assert (tmp_path / "letters" / f"{letter.session}.html").read_text() == "a page"


def test_a_reader_never_meets_a_part_of_one(letter: Letter, tmp_path: Path) -> None:
    store, stopped = LetterStore(tmp_path), threading.Event()
    store.save(letter, "")

    def write() -> None:
        while not stopped.is_set():
            store.save(letter, "")

    writer = threading.Thread(target=write)
    writer.start()
    try:
        assert all(store.read("") == letter for _ in range(300))
    finally:
        stopped.set()
        writer.join()


@pytest.mark.parametrize("damage", [b"", b"{", b"\xff\xfe", b'{"session": 3}', b"null"])
def test_a_damaged_one_is_named(damage: bytes, letter: Letter, tmp_path: Path) -> None:
    store = LetterStore(tmp_path)
    store.save(letter, "")
    (tmp_path / f"{letter.session}.json").write_bytes(damage)
    with pytest.raises(RequestError, match=f"{letter.session}.json cannot be read") as refused:
        store.read("")
    assert refused.value.status == 404
