"""Wrong tokens are counted by address and window; memory stays bounded."""

from __future__ import annotations

from api.refusal import Refusal
from api.token_attempts import ADDRESSES_MAX, TokenAttempts

WRONG = Refusal(401, "wrong", "mend it")


def test_one_address_is_answered_so_often_in_a_window_and_others_are_not_held_to_it() -> None:
    now = [0.0]
    attempts = TokenAttempts(3, 60.0, lambda: now[0])
    statuses = [attempts.refusal("10.0.0.1", WRONG).status for _ in range(5)]
    assert statuses == [401, 401, 401, 429, 429]
    assert attempts.refusal("10.0.0.2", WRONG).status == 401
    now[0] = 20.0
    limited = attempts.refusal("10.0.0.1", WRONG)
    assert limited.response().headers["retry-after"] == "40"
    now[0] = 60.0
    assert attempts.refusal("10.0.0.1", WRONG) is WRONG


def test_it_remembers_a_bounded_number_of_addresses() -> None:
    attempts = TokenAttempts(1, 60.0, lambda: 0.0)
    for number in range(2 * ADDRESSES_MAX):
        attempts.refusal(str(number), WRONG)
    assert attempts.refusal(str(2 * ADDRESSES_MAX - 1), WRONG).status == 429
    assert attempts.refusal("0", WRONG).status == 401
