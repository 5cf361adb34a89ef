"""The log: no secret is ever written, and a step is one line with its ids."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from config.environment import SECRETS, secrets_in
from core.masking import MASK, SecretMask
from daemon.log_stream import LogStream

ROOT = Path(__file__).parents[3]
TOKEN, KEY = "correct horse battery staple", "correct horse"
TALKS = """
import logging, os, sys
import structlog
from config.environment import read_environment, secrets_in
from core.masking import SecretMask
from daemon.logs import configure_logging
configure_logging(SecretMask(secrets_in(os.environ)))
environment = read_environment(os.environ)
log = structlog.get_logger("x")
for secret in secrets_in(os.environ):
    log.warning("leak", detail=f"GET /?token={secret}", headers={"authorization": f"Bearer {secret}"})
    logging.getLogger("vendor").warning("401 for %s", secret)
    try:
        raise ValueError(secret)
    except ValueError:
        log.exception("failed")
log.info("environment", environment=str(environment))
"""


@pytest.mark.parametrize("text", [TOKEN, f"a {TOKEN} b", TOKEN * 2, f'{{"key": "{KEY}"}}', "nothing of it"])
def test_the_log_writes_no_secret(text: str) -> None:
    out = io.StringIO()
    LogStream(out, SecretMask([KEY, TOKEN, ""])).write(text)
    assert KEY not in out.getvalue()
    assert (MASK in out.getvalue()) == (KEY in text)
    assert "battery" not in out.getvalue(), "the longer secret goes first"


def test_whatever_logs_a_secret_it_is_not_written() -> None:
    secrets = {name: f"https://s3cret-{number}-{name.lower()}" for number, name in enumerate(SECRETS)}
    done = subprocess.run(
        [sys.executable, "-c", TALKS], cwd=ROOT, env={**secrets, "PYTHONPATH": str(ROOT)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    told = done.stdout + done.stderr
    assert told.count(MASK) >= 3 * len(secrets)
    for secret in secrets.values():
        assert secret not in told


def test_every_secret_setting_is_masked() -> None:
    found = secrets_in({name: name for name in SECRETS} | {"TRADING_PORT": "8787"})
    assert set(found) == set(SECRETS)
    assert secrets_in({}) == ()
    assert secrets_in(dict.fromkeys(SECRETS, " ")) == ()
    assert secrets_in({"NEO4J_URI": "neo4j://me:hush-hush@graph"}) == ("hush-hush",)
