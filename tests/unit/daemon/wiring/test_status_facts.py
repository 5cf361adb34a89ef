"""What the status says is degraded."""

from __future__ import annotations

import io

from daemon.log_stream import LogStream
from daemon.wiring.status_facts import lost_log


def test_a_log_that_was_lost_is_told_with_how_much_of_it() -> None:
    reader = io.StringIO()
    stream = LogStream(reader)
    stream.write("taken")
    assert lost_log(stream) == []
    reader.close()
    stream.write("lost")
    stream.write("lost too")
    (told,) = lost_log(stream)
    assert told.startswith("log: 2 writes were lost")
    assert "Trading goes on" in told


def test_another_stream_tells_nothing() -> None:
    assert lost_log(io.StringIO()) == []
