"""What is said of a broker, of Yahoo and of a graph by how they answer."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.doctor import services
from cli.doctor.findings import Finding, Verdict
from config.environment import Environment, read_environment
from tests.servers.daemon import free_port
from tests.servers.local_http import Answer, Asked, local_server

CLOCK: Mapping[str, object] = {}  # what it says besides the time
ACCOUNT = {"status": "ACTIVE", "equity": "100000", "trading_blocked": False}


def with_keys(port: int) -> Environment:
    return read_environment(
        {"ALPACA_API_KEY": "k", "ALPACA_SECRET_KEY": "s", "ALPACA_BASE_URL": f"http://127.0.0.1:{port}"}
    )


def examined(
    account: Answer, offset: timedelta = timedelta(0), data_status: int = 200, clock: Mapping[str, object] = CLOCK
) -> dict[str, Finding]:
    def answer(request: Asked) -> Answer:
        assert request.headers["apca-api-key-id"] == "k"
        if request.path == "/v2/clock":
            return Answer(body={"timestamp": (datetime.now(UTC) + offset).isoformat(), **clock})
        return account if request.path == "/v2/account" else Answer(status=data_status, body={})

    with local_server(answer) as port:
        return {one.check: one for one in services.broker(with_keys(port))}


def test_an_account_that_may_trade_is_named_with_its_equity_and_data_plan() -> None:
    found = examined(Answer(body=ACCOUNT), data_status=403)
    assert found["keys"].verdict is Verdict.OK
    assert "Alpaca paper, account ACTIVE, equity 100000 USD" in found["keys"].found
    assert found["clock"].verdict is Verdict.OK
    assert "IEX" in found["data plan"].found


@pytest.mark.parametrize(
    ("account", "said"),
    [
        (Answer(status=401, body={}), "refuses the keys (401)"),
        (Answer(body={**ACCOUNT, "trading_blocked": True}), "trading_blocked"),
        (Answer(body={**ACCOUNT, "status": "ACCOUNT_CLOSED"}), "not active"),
    ],
)
def test_an_account_that_may_not_trade_is_a_fault(account: Answer, said: str) -> None:
    keys = examined(account)["keys"]
    assert keys.verdict is Verdict.FAULT
    assert said in keys.found
    assert keys.to_do


@pytest.mark.parametrize("seconds", [-30, 30])
def test_a_clock_that_is_off_is_a_fault(seconds: int) -> None:
    clock = examined(Answer(body=ACCOUNT), timedelta(seconds=-seconds))["clock"]
    assert clock.verdict is Verdict.FAULT
    assert float(clock.found.split()[0]) == pytest.approx(seconds, abs=15)  # the call itself takes a while


def test_exchange_hours_that_contradict_the_calendar_are_said() -> None:
    saturday = {"timestamp": "2024-03-09T16:00:00+00:00"}
    assert "exchange hours" not in examined(Answer(body=ACCOUNT), clock={**saturday, "is_open": False})
    told = examined(Answer(body=ACCOUNT), clock={**saturday, "is_open": True})["exchange hours"]
    assert told.verdict is Verdict.WARNING
    assert "Alpaca says it is open" in told.found


def test_a_broker_that_does_not_answer_is_a_fault() -> None:
    found = {one.check: one for one in services.broker(with_keys(free_port()))}
    assert found["keys"].verdict is Verdict.FAULT
    assert found["clock"].verdict is Verdict.WARNING


def test_without_keys_the_built_in_broker_is_named() -> None:
    (only,) = services.broker(read_environment({}))
    assert only.verdict is Verdict.UNUSED


def test_yahoo_and_the_clock_against_it() -> None:
    with local_server(lambda _: Answer(body={})) as port:
        bars, clock = services.yahoo(f"http://127.0.0.1:{port}", datetime.now(UTC) + timedelta(seconds=90))
    assert bars.verdict is Verdict.OK
    assert clock.verdict is Verdict.FAULT
    assert "from Yahoo's" in clock.found
    (gone,) = services.yahoo(f"http://127.0.0.1:{free_port()}")
    assert gone.verdict is Verdict.WARNING


def test_a_graph_that_is_asked_for_and_is_not_there_is_said() -> None:
    pytest.importorskip("neo4j", reason="the extra `graph`")
    asked = read_environment({"NEO4J_URI": f"bolt://127.0.0.1:{free_port()}"})
    assert services.neo4j(asked).verdict is Verdict.WARNING
    assert services.neo4j(read_environment({})).verdict is Verdict.UNUSED


def test_a_model_folder_that_lacks_its_weights_is_said(tmp_path: Path) -> None:
    pytest.importorskip("onnxruntime", reason="the extra `sentiment`")
    (tmp_path / "config.json").write_text("{}")
    found = services.finbert({"FINBERT_PATH": str(tmp_path)})
    assert found.verdict is Verdict.WARNING
    assert "model.safetensors" in found.found
