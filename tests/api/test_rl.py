"""`POST /train` and `POST /predict` on the real daemon, in the order an operator meets them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest

pytest.importorskip("stable_baselines3")

from tests.api.conftest import Daemon
from tests.api.problem import assert_problem

TINY = {"timesteps": 1_000, "algorithms": ["a2c"], "tickers": ["NVDA", "KO", "AAPL"], "seed": 3}


@pytest.fixture(autouse=True, scope="module")
def untrained_afterwards(daemon: Daemon) -> Iterator[None]:
    yield
    for member in ("ppo", "a2c", "ddpg"):
        (daemon.artefacts / f"{member}_model.zip").unlink(missing_ok=True)
    daemon.wired.engines.ensemble.provider.reload()


@pytest.fixture(scope="module")
def trained(daemon: Daemon) -> dict[str, Any]:
    with httpx.Client(base_url=daemon.url, timeout=300) as client:
        before = client.post("/predict")
        assert_problem(before, 409)
        assert before.json()["hint"] == "POST /train"
        started = client.post("/train", params={"wait": "false"}, json=TINY)
        assert started.status_code == 202, started.text
        assert_problem(client.post("/train"), 409)
        job = started.json()["job_id"]
        messages = set()
        while (found := client.get(f"/jobs/{job}").json())["status"] == "running":
            assert client.get("/health").status_code == 200
            messages.add(found["message"])
            time.sleep(0.1)
        assert found["status"] == "done", found["error"]
        assert any("left" in message or "factors" in message for message in messages)
        return cast(dict[str, Any], found["result"])


def test_a_training_says_what_it_is_worth(trained: dict[str, Any]) -> None:
    card = trained["members"]["a2c"]
    measured = card["out_of_sample"]
    assert set(measured["sharpe_by_seed"]) == {"3", "4"}
    assert measured["sessions"] == 126
    assert {"sharpe", "sharpe_spread", "buy_and_hold_sharpe", "equal_weight_sharpe", "chance_p"} <= set(measured)
    assert card["better_than_chance"] == (measured["chance_p"] <= 0.05)
    assert trained["tickers"] == ["NVDA", "KO", "AAPL"]
    assert trained["window"]["last"] < trained["window"]["stopped_at"] < trained["window"]["labels_end"]


def test_the_ensemble_predicts_at_once(trained: dict[str, Any], client: httpx.Client) -> None:
    body = client.post("/predict").json()
    assert body["models"] == {"a2c": trained["members"]["a2c"]["model_id"]}
    assert len(body["predictions"]) > 50
    for prediction in body["predictions"]:
        said = prediction["members"]["a2c"]
        assert -1 <= said["action"] <= 1
        assert said["votes"] == (prediction["vote"] is not None) == (said["weight"] > 0)
        assert said["reason"]
    some = client.post("/predict", json={"tickers": ["KO", "nvda"]}).json()
    assert [one["ticker"] for one in some["predictions"]] == ["KO", "NVDA"]
    assert some["data"]["source"] == "simulated"


def test_the_status_names_the_members(trained: dict[str, Any], client: httpx.Client) -> None:
    status = client.get("/status").json()
    card = status["models"]["rl"]["members"]["a2c"]
    assert card["weights_digest"] == trained["members"]["a2c"]["weights_digest"]
    assert card["worth"]
    assert card["libraries"]["stable-baselines3"]
    said = any("a2c is not better than chance" in line for line in status["degraded"])
    assert said == (not card["better_than_chance"])
    decided = client.post("/decide/v3").json()
    spoke = any(v["agent"] == "rl" for d in decided["decisions"] for v in d["votes"])
    assert spoke == card["votes"]


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ({"algorithms": ["sac"]}, "algorithms"),
        ({"algorithms": []}, "algorithms"),
        ({"timesteps": 0}, "timesteps"),
        ({"timesteps": 10**12}, "timesteps"),
        ({"timesteps": 1e4 + 0.5}, "timesteps"),
        ({"tickers": ["NVDIA"]}, "NVDIA"),
        ({"tickers": []}, "tickers"),
        ({"seed": -1}, "seed"),
        ({"steps": 5}, "steps"),
    ],
)
def test_bad_wishes_are_refused(client: httpx.Client, body: dict[str, Any], about: str) -> None:
    answer = client.post("/train", json=body)
    assert_problem(answer, 422)
    assert about in answer.json()["detail"]
