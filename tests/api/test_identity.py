"""The daemon proves itself to a caller that holds the token, and shows nothing to others."""

from __future__ import annotations

import hashlib
import hmac

import httpx
import pytest
from pydantic import SecretStr

from api.identity import Identity, proof
from config.environment import read_environment
from tests.api.problem import assert_problem

TOKEN = "a-token-of-the-test"
CHALLENGE = "0123456789abcdef" * 2


def test_the_proof_is_the_documented_hmac() -> None:
    expected = hmac.new(TOKEN.encode(), f"trading-engine:8787:{CHALLENGE}".encode(), hashlib.sha256).hexdigest()
    assert proof(SecretStr(TOKEN), 8787, CHALLENGE) == expected


def test_another_token_port_or_challenge_gives_another_proof() -> None:
    proofs = {
        proof(SecretStr(token), port, challenge)
        for token in (TOKEN, "another")
        for port in (8787, 8788)
        for challenge in (CHALLENGE, CHALLENGE[::-1])
    }
    assert len(proofs) == 8
    assert not any(TOKEN in answer for answer in proofs)


@pytest.mark.parametrize("host", ["::", "10.0.0.5"])
def test_off_loopback_there_is_no_answer_to_try_tokens_against(host: str) -> None:
    environment = read_environment({"TRADING_API_TOKEN": TOKEN, "TRADING_HOST": host})
    assert Identity(environment).answer(8787, CHALLENGE) is None


def test_with_a_token_on_loopback_it_proves_itself() -> None:
    environment = read_environment({"TRADING_API_TOKEN": TOKEN})
    assert Identity(environment).answer(8787, CHALLENGE) == proof(SecretStr(TOKEN), 8787, CHALLENGE)


def test_without_a_token_health_has_no_identity(client: httpx.Client) -> None:
    assert client.get("/health", params={"challenge": CHALLENGE}).json()["identity"] is None


@pytest.mark.parametrize("challenge", ["", "short", CHALLENGE.upper(), "0" * 129, "x" * 32])
def test_a_challenge_that_is_none_is_refused(client: httpx.Client, challenge: str) -> None:
    assert_problem(client.get("/health", params={"challenge": challenge}), 422)
