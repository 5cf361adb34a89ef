"""The log's stream takes every write and raises nothing; what its reader did not take is counted and told."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from daemon.log_stream import LogStream

LINE = "x" * 1000 + "\n"


def test_a_pipe_that_nobody_reads_never_holds_us_up_and_the_loss_is_told() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as file:
        stream = LogStream(file)
        for _ in range(200):
            assert stream.write(LINE) == len(LINE)
        assert stream.lost_writes > 0
        taken = os.read(reading, 2**20)
        assert 0 < len(taken) < 200 * len(LINE)
        lost = stream.lost_writes
        stream.write("again\n")
        told = os.read(reading, 2**20).decode()
        assert told.strip().splitlines() == [f'{{"event":"log.lost","writes":{lost}}}', "again"]
        assert stream.lost_writes == lost
    os.close(reading)


def test_a_broken_pipe_raises_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w") as file:
        stream = LogStream(file)
        assert [stream.write(LINE) for _ in range(3)] == [len(LINE)] * 3
        assert stream.lost_writes == 3


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_raises_nothing() -> None:
    with Path("/dev/full").open("w") as file:
        stream = LogStream(file)
        stream.write(LINE)
        assert stream.lost_writes == 1


def test_a_closed_file_and_none_at_all_raise_nothing() -> None:
    closed = io.StringIO()
    closed.close()
    stream = LogStream(closed)
    stream.write(LINE)
    assert stream.lost_writes == 1
    assert LogStream(None).write(LINE) == len(LINE)
    assert not LogStream(None).isatty()
    with pytest.raises(OSError, match="no descriptor"):
        LogStream(None).fileno()


def test_what_is_no_unicode_is_written_escaped() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as file:
        LogStream(file).write("half \ud800 pair")
    with os.fdopen(reading, "rb") as file:
        assert file.read() == b"half \\ud800 pair"
