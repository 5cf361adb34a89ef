"""The daemon as a process: how it starts, what it says it found, how it refuses, how it stops."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.servers.daemon import ROOT, Process, own_settings

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
STOP_SECONDS_MAX = 5.0
MODEL = "models/quant_xgboost_v8.pkl"
NO_NETWORK = {"HTTP_PROXY": "http://127.0.0.1:9", "HTTPS_PROXY": "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_settings(tmp_path_factory.mktemp("config"))


@pytest.fixture(scope="module")
def daemon(settings: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    """One daemon that has trained its first ranker."""
    state = tmp_path_factory.mktemp("daemon") / "state"
    with Process(state, settings) as process:
        process.wait_idle()
        yield process


@pytest.fixture
def copy(trained_state: Path, tmp_path: Path) -> Path:
    return shutil.copytree(trained_state, tmp_path / "state")


def state_of(process: Process) -> Path:
    return Path(process.events("server.listening")[0]["state_dir"])


# --- starting and stopping -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "code"), [("--help", 0), ("--port=9000", 2)])
def test_an_argument_is_refused_before_anything_starts(asked: str, code: int, tmp_path: Path) -> None:
    # a home of its own: were it to start, it would keep state
    done = subprocess.run(
        [sys.executable, "server.py", asked], cwd=ROOT, env={"STATE_DIR": str(tmp_path / "state")},
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == code
    assert "TRADING_PORT" in done.stdout or "unrecognized arguments: --port=9000" in done.stderr
    assert not (tmp_path / "state").exists()


def test_it_says_where_it_listens_what_feeds_it_and_where_orders_go(daemon: Process) -> None:
    listening, built = daemon.events("server.listening")[0], daemon.events("engine.built")[0]
    assert listening["url"] == f"http://127.0.0.1:{daemon.port}"
    assert built["feed"] == "simulated"
    assert built["orders_go_to"] == "built-in paper broker"
    assert "quant: no ranker is trained yet" in built["degraded"]
    assert built["ledger"] == "new"


def test_the_first_start_trains_and_the_log_says_on_how_many_samples(daemon: Process) -> None:
    job = daemon.answer("/jobs")["jobs"][-1]
    assert job["status"] == "done"
    assert f"QuantAgent v8: trained on {job['result']['samples']} samples" in daemon.log
    assert job["result"]["samples"] > 1000


def test_with_its_jobs_it_says_when_they_run_next_and_stops_in_order(copy: Path, settings: Path) -> None:
    with Process(copy, settings, ENABLE_CRON="true") as process:
        process.wait_ready()
        process.wait(lambda: bool(process.events("jobs.ring")))
        scheduler = process.answer("/jobs")["scheduler"]
        assert scheduler["enabled"] is True
        assert len(scheduler["jobs"]) == 5
        assert all(job["next_run_at"] for job in scheduler["jobs"])
        assert not any("ENABLE_CRON" in line for line in process.answer("/status")["degraded"])
        code, seconds = process.end(signal.SIGTERM)
    assert code == 0, process.log
    assert seconds < STOP_SECONDS_MAX
    assert "Traceback" not in process.log


def test_a_decision_asked_for_right_after_the_start_waits_for_it(copy: Path) -> None:
    with Process(copy) as process:
        process.wait_alive()
        assert process.status_code("/ready") == 503, "it still starts"
        decided = process.http.post("/decide/v3")
        assert decided.status_code == 200, decided.text
        assert decided.json()["decisions"]
        code, _ = process.end(signal.SIGTERM)
    assert code == 0, process.log


def test_sigterm_ends_the_wait_for_a_start_in_order(tmp_path: Path) -> None:
    with Process(tmp_path / "state") as process:
        process.wait_alive()
        with ThreadPoolExecutor(1) as waiting:
            decided = waiting.submit(process.http.post, "/decide/v3")
            code, seconds = process.end(signal.SIGTERM)
        assert decided.exception() is not None or decided.result().status_code in (200, 503)
    assert code == 0, process.log
    assert seconds < STOP_SECONDS_MAX
    assert "Traceback" not in process.log


def test_sigterm_while_it_still_starts_ends_in_order(tmp_path: Path) -> None:
    with Process(tmp_path / "state") as process:
        process.wait_alive()
        assert process.status_code("/ready") == 503
        code, seconds = process.end(signal.SIGTERM)
    assert code == 0, process.log
    assert seconds < STOP_SECONDS_MAX
    assert "Traceback" not in process.log


def test_sigint_while_it_trains_ends_in_order(copy: Path, settings: Path) -> None:
    with Process(copy, settings) as process:
        process.wait_ready()
        assert process.events("engine.built")[0]["ledger"] == "closed in order"
        with ThreadPoolExecutor(1) as waiting:
            retrain = waiting.submit(process.http.post, "/quant/retrain")
            process.wait(lambda: len(process.answer("/jobs")["jobs"]) == 1)
            code, seconds = process.end(signal.SIGINT)
        assert retrain.result().status_code == 503
        assert "the daemon stops" in retrain.result().json()["detail"]
    assert code == 0, process.log
    assert seconds < STOP_SECONDS_MAX
    assert "Traceback" not in process.log
    assert not list(copy.glob("*-wal")), "the ledger was not closed"


# --- refusing to start -----------------------------------------------------------------------------------------


def test_a_taken_port_is_a_clear_refusal(daemon: Process, settings: Path, tmp_path: Path) -> None:
    with Process(tmp_path / "state", settings, TRADING_PORT=str(daemon.port)) as second:
        assert second.ended() == 2
    assert f"127.0.0.1:{daemon.port} cannot be listened on" in second.log
    assert "TRADING_PORT" in second.log


def test_a_second_engine_on_the_same_state_is_refused(daemon: Process, settings: Path) -> None:
    with Process(state_of(daemon), settings) as second:
        assert second.ended() == 2
    assert "Another engine runs on" in second.log
    assert daemon.status_code("/health") == 200


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({"TRADING_PORT": "eighty"}, "TRADING_PORT=eighty is not a port"),
        ({"LIVE_TRADING": "true"}, "there are no Alpaca keys"),
        ({"TRADING_PORT": "²"}, "TRADING_PORT=² is not a port"),
    ],
)
def test_variables_that_cannot_be_used_are_refused(
    variables: dict[str, str], told: str, settings: Path, tmp_path: Path
) -> None:
    with Process(tmp_path / "state", settings, **variables) as process:
        assert process.ended() == 2
    assert told in process.log
    assert "Traceback" not in process.log


def test_a_settings_file_in_another_encoding_is_refused_by_name(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (own_settings(folder) / "risk.json").write_text("{}", encoding="utf-16")
    with Process(tmp_path / "state", folder) as process:
        assert process.ended() == 2
    assert f"{folder / 'risk.json'} is UTF-16, not UTF-8" in process.log


def test_a_misspelt_variable_is_named_at_the_start(copy: Path, settings: Path) -> None:
    with Process(copy, settings, ENABLE_CORN="true") as process:
        process.wait_ready()
        assert "is ENABLE_CRON meant?" in process.events("environment.unknown")[0]["reason"]
        assert any("ENABLE_CORN" in line for line in process.answer("/status")["degraded"])


def test_an_unknown_setting_is_refused_with_the_nearest_name(tmp_path: Path) -> None:
    folder = tmp_path / "config"
    folder.mkdir()
    (own_settings(folder) / "trading.json").write_text('{"server": {"prot": 1}}')
    with Process(tmp_path / "state", folder) as process:
        assert process.ended() == 2
    assert "unknown key server.prot; the nearest known name is server.port" in process.log


# --- what it finds broken --------------------------------------------------------------------------------------


def test_a_ledger_of_garbage_is_left_alone_and_the_daemon_says_why_it_does_not_trade(
    copy: Path, settings: Path
) -> None:
    (copy / "ledger.sqlite").write_bytes(b"garbage" * 10_000)
    with Process(copy, settings) as process:
        process.wait_alive()
        process.wait(lambda: "The start failed" in process.http.get("/ready").text)
        ready = process.http.get("/ready")
        assert ready.status_code == 503
        assert "ledger" in ready.json()["detail"]
        health, status = process.answer("/health"), process.answer("/status")
        assert health["ready"] is False
        assert "file is not a database" in health["not_ready"]
        assert "Nothing was changed" in status["degraded"][0]
        decided = process.http.post("/decide/v3")
        assert decided.status_code == 503
        assert "file is not a database" in decided.json()["detail"]
        assert process.events("start.failed")
        assert process.end()[0] == 0
    assert (copy / "ledger.sqlite").read_bytes() == b"garbage" * 10_000


def test_a_tampered_model_is_named_kept_and_replaced_only_on_request(copy: Path, settings: Path) -> None:
    model = copy / MODEL
    whole = model.read_bytes()
    broken = whole[:-500] + b"x" + whole[-499:]
    model.write_bytes(broken)
    with Process(copy, settings) as process:
        process.wait_ready()
        assert_model_refused(process)
        assert process.answer("/jobs")["jobs"] == []
        assert model.read_bytes() == broken
        assert process.answer("/quant/retrain", "POST")["promoted"] is True
        assert [kept.read_bytes() for kept in model.parent.glob("*.pkl.refused-*")] == [broken]
        assert process.answer("/health")["models_loaded"] is True


def test_a_truncated_cache_and_a_cut_model_are_told_and_nothing_is_deleted(copy: Path, settings: Path) -> None:
    cut = (copy / MODEL).read_bytes()[:1000]
    (copy / MODEL).write_bytes(cut)
    cache = copy / "cache" / "bars-yfinance.parquet"
    cache.parent.mkdir(exist_ok=True)
    cache.write_bytes(b"PAR1" + b"\0" * 100)
    with Process(copy, settings, DATA_PROVIDER="auto", **NO_NETWORK) as process:
        process.wait_ready()
        degraded = process.answer("/status")["degraded"]
        assert any("SIMULATED MARKET" in line for line in degraded)
        assert any("was corrupt" in line and "moved to" in line for line in degraded), degraded
        assert_model_refused(process)
        assert process.answer("/decide/v3", "POST")["data"]["source"] == "simulated"
    assert (cache.parent / "bars-yfinance.parquet.corrupt").read_bytes().startswith(b"PAR1")
    assert (copy / MODEL).read_bytes() == cut


def assert_model_refused(process: Process) -> None:
    """The log, /status, /health and the abstention say what is wrong with the stored model."""
    told, status = "is not a model this engine wrote", process.answer("/status")
    assert told in process.events("quant.artefact_refused")[0]["reason"]
    assert told in status["models"]["quant"]["state"]
    assert any(told in line for line in status["degraded"])
    assert process.answer("/health")["models_loaded"] is False
    silent = [a for a in process.answer("/decide/v3", "POST")["abstained"] if a["agent"] == "quant"]
    assert told in silent[0]["reason"]


# --- while it runs ---------------------------------------------------------------------------------------------


def test_a_deleted_model_and_a_retrain_make_a_new_one(daemon: Process) -> None:
    model = state_of(daemon) / MODEL
    model.unlink()
    answer = daemon.answer("/quant/retrain", "POST")
    assert model.exists()
    assert answer["promoted"] is True
    assert answer["reason"] == "there was no model"
    assert answer["new"]["model_id"] == daemon.answer("/status")["models"]["quant"]["model_id"]


def test_an_edit_of_the_limits_holds_from_the_next_step_and_an_invalid_one_alerts(
    daemon: Process, settings: Path
) -> None:
    risk = settings / "risk.json"
    try:
        risk.write_text('{"daily_limits": {"max_daily_loss_pct": "lots"}}')
        daemon.answer("/decide/v3", "POST")
        status = daemon.answer("/status")
        assert status["trading_state"] == "active"
        assert any("the old limits stay in force" in line for line in status["degraded"])
        risk.write_bytes('{"daily_limits": {"max_daily_loss_pct": -0.005}}'.encode("utf-16"))
        assert daemon.answer("/decide/v3", "POST")["trading_state"] == "active"
        status = daemon.answer("/status")
        assert any("risk.json is UTF-16, not UTF-8" in line for line in status["degraded"])
        before = status["config_digest"]
        risk.write_text('{"daily_limits": {"max_daily_loss_pct": 0}}')
        halted = daemon.answer("/decide/v3", "POST")
        assert halted["trading_state"] == "halted"
        assert halted["orders"] == []
        assert any("max_daily_loss_pct is 0" in alert for alert in halted["alerts"])
        status = daemon.answer("/status")
        assert status["config_digest"] != before
        assert any("max_daily_loss_pct is 0" in line for line in status["degraded"])
        daemon.answer("/resume", "POST")
        assert daemon.answer("/health")["trading_state"] == "halted", "the switch is still set"
    finally:
        risk.unlink()
    daemon.answer("/resume", "POST")
    assert daemon.answer("/decide/v3", "POST")["trading_state"] == "active"


def test_a_decision_outlives_the_restart(copy: Path, settings: Path) -> None:
    with Process(copy, settings) as process:
        process.wait_ready()
        newest = next(d for d in process.answer("/decisions")["decisions"] if d["cycle"] == "decide_v2")
        assert process.answer("/status")["last_decision_id"] == newest["decision_id"]
        assert process.answer("/health")["last_decision_age_seconds"] > 0
        assert json.loads(process.http.post("/execute").text)["decision_id"] == newest["decision_id"]


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="which libraries a process holds is in /proc")
def test_training_and_predicting_leave_no_torch_in_the_daemon(daemon: Process) -> None:
    pytest.importorskip("stable_baselines3")
    body = {"timesteps": 1_000, "algorithms": ["a2c"], "tickers": ["NVDA", "KO", "AAPL"], "seed": 3}
    job = daemon.answer("/train?wait=false", "POST", json=body)["job_id"]
    seen_in_a_child = False
    while (found := daemon.answer(f"/jobs/{job}"))["status"] == "running":
        seen_in_a_child |= any(holds_torch(child) for child in descendants(daemon.child.pid))
        time.sleep(0.1)
    assert found["status"] == "done", found["error"]
    assert seen_in_a_child, "the training's own process must have torch, or nothing is looked at here"
    assert daemon.answer("/predict", "POST")["predictions"]
    daemon.answer("/decide/v3", "POST")
    assert not holds_torch(daemon.child.pid)


def holds_torch(pid: int) -> bool:
    """Look for torch's library in a process's memory; one that has ended holds nothing."""
    try:
        return "libtorch" in Path(f"/proc/{pid}/maps").read_text()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return False


def descendants(pid: int) -> list[int]:
    """Name the children of a process, and theirs."""
    try:
        of_threads = [task.read_text().split() for task in Path(f"/proc/{pid}/task").glob("*/children")]
    except (FileNotFoundError, ProcessLookupError):
        return []
    children = [int(child) for found in of_threads for child in found]
    return children + [one for child in children for one in descendants(child)]
