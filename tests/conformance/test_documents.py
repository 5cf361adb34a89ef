"""The pages on extending say what works: each block runs, the schema is the code's, the examples answer."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from agents.remote import RemoteAnswer, ViewSummary, summary_of
from tests.conformance.agents import examined
from tests.conformance.strategies import StrategyConformance
from tests.servers.daemon import free_port, own_settings
from tests.servers.local_http import Answer, Asked, Outcome, local_server
from tests.unit.agents.test_plugins import SYMBOLS, view
from tests.user_agents import write

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs/extending"
SECONDS_MAX = 60.0


def blocks(page: str) -> list[str]:
    return re.findall(r"```python\n(.*?)```", (PAGES / f"{page}.md").read_text("utf-8"), re.S)


@pytest.mark.parametrize("page", ["broker", "feed", "endpoint", "limit"])
def test_each_block_runs(page: str) -> None:
    found = blocks(page)
    assert found
    for block in found:
        exec(compile(block, f"{page}.md", "exec"), {"__name__": page})  # noqa: S102  # our own page


def home(tmp_path: Path, kind: str, name: str, block: str) -> Path:
    folder = tmp_path / "config"
    folder.mkdir()
    own_settings(folder)
    write(tmp_path / "user", name, block, kind)
    return folder


def test_the_agents_block_is_an_agent_without_a_leak(tmp_path: Path) -> None:
    (block,) = blocks("agent")
    found = examined("reversal", home(tmp_path, "agents", "reversal", block))
    assert found.findings == ()
    assert (found.whole.scores[0] == found.whole.scores[0]).mean() > 0.9


def test_the_strategys_block_is_a_strategy(tmp_path: Path) -> None:
    (block,) = blocks("strategy")
    suite = StrategyConformance()
    type(suite).strategy = "half_in_spy"
    type(suite).folder = home(tmp_path, "strategies", "half_in_spy", block)
    suite.test_it_decides_on_some_day_of_a_quarter()
    suite.test_the_same_view_has_the_same_decisions()


def schema() -> dict[str, Any]:
    (asked, answered), parts = msgspec.json.schema_components(
        [ViewSummary, RemoteAnswer], ref_template="#/$defs/{name}"
    )
    return {"question": asked, "answer": answered, "$defs": parts}


def test_the_schema_on_the_page_is_the_codes() -> None:
    assert json.loads((PAGES / "remote-agent.schema.json").read_text("utf-8")) == schema()


def test_the_language_models_example_answers_for_a_scripted_model() -> None:
    seen: list[Any] = []

    def model(asked: Asked) -> Outcome:
        seen.append(asked.json)
        said = json.dumps({"scores": {"AAPL": 0.5}, "reasons": {"AAPL": "its margin"}})
        return Answer(body={"model": "scripted-1", "choices": [{"message": {"content": said}}]})

    port = free_port()
    with local_server(model) as model_port:
        variables = {**os.environ, "LLM_URL": f"http://127.0.0.1:{model_port}/v1/chat/completions"}
        example = [sys.executable, "docs/examples/llm_agent.py", str(port)]
        with subprocess.Popen(example, cwd=ROOT, env=variables) as server:
            try:
                body = msgspec.json.encode(summary_of("analyst", view(), SYMBOLS, 63))
                answered = post_when_up(f"http://127.0.0.1:{port}/", body)
            finally:
                server.terminate()
    answer = msgspec.json.decode(answered, type=RemoteAnswer)
    assert (answer.scores, answer.model_id) == ({"AAPL": 0.5}, "scripted-1")
    asked = seen[0]["messages"][0]["content"]
    assert all(symbol in asked for symbol in SYMBOLS)


def post_when_up(url: str, body: bytes) -> bytes:
    until = time.monotonic() + SECONDS_MAX
    while True:
        try:
            return httpx.post(url, content=body, timeout=SECONDS_MAX).content
        except httpx.ConnectError:
            assert time.monotonic() < until
            time.sleep(0.05)


if __name__ == "__main__":  # writes the page's schema anew
    (PAGES / "remote-agent.schema.json").write_text(json.dumps(schema(), indent=2) + "\n", "utf-8")
