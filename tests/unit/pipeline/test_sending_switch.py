"""Of a halt and a resume the one that was asked for later wins, in whatever order they are carried out."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.sending_switch import SendingSwitch


def test_it_begins_open_and_a_resume_opens_what_a_fault_closed() -> None:
    switch = SendingSwitch()
    assert not switch.is_closed
    switch.close()
    assert switch.is_closed
    switch.open(switch.halt_requests)
    assert not switch.is_closed


def test_a_halt_between_a_resumes_request_and_its_turn_wins() -> None:
    switch = SendingSwitch()
    switch.request_halt()
    asked = switch.halt_requests
    switch.request_halt()
    switch.open(asked)
    assert switch.is_closed
    switch.open(switch.halt_requests)
    assert not switch.is_closed


@given(st.lists(st.sampled_from(("halt", "resume", "turn")), max_size=30))
def test_it_is_open_only_after_a_resume_that_no_halt_followed(words: list[str]) -> None:
    """Resumes wait in a queue, as on the engine's thread, and have their turn later than they were asked for."""
    switch, queue, last_halt = SendingSwitch(), list[tuple[int, int]](), -1
    opened_by = 0  # the moment of the request that opened it last: it begins open
    for now, word in enumerate(words):
        if word == "halt":
            switch.request_halt()
            last_halt = now
        elif word == "resume":
            queue.append((now, switch.halt_requests))
        elif queue:
            asked_at, halt_requests = queue.pop(0)
            switch.open(halt_requests)
            opened_by = asked_at if asked_at > last_halt else opened_by
        assert switch.is_closed == (last_halt >= 0 and opened_by <= last_halt)
