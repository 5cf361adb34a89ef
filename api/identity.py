"""Proof of identity: a caller challenges us before it sends its token to a stranger that took the port."""

from __future__ import annotations

import hashlib
import hmac

from pydantic import SecretStr

from config.environment import LOOPBACK, Environment


class Identity:
    """Answers challenges.

    Only on loopback: elsewhere `/health` is open to strangers, who could try weak tokens against the answer at
    their leisure.
    """

    def __init__(self, environment: Environment) -> None:
        self._token = environment.token if environment.host in LOOPBACK else None

    def answer(self, port: int, challenge: str) -> str | None:
        """Return the proof; None when there is no token to prove by."""
        return proof(self._token, port, challenge) if self._token else None


def proof(token: SecretStr, port: int, challenge: str) -> str:
    """Prove that we know the token, without showing it.

    Parameters
    ----------
    port : int
        The one we listen on, so that a stranger cannot pass off another port's answer as its own.
    challenge : str
        What the caller drew at random, lower-case hexadecimal.

    Returns
    -------
    str
        HMAC-SHA-256 (RFC 2104) in hexadecimal, keyed by the token.
    """
    message = f"trading-engine:{port}:{challenge}".encode()
    return hmac.new(token.get_secret_value().encode(), message, hashlib.sha256).hexdigest()
