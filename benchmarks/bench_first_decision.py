"""No network and an empty cache: process start to the first decision with a ranker trained on the way."""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.daemon import Daemon, get

SECONDS_MAX, RUNS = 30.0, 3


def one_run() -> tuple[float, str]:
    with tempfile.TemporaryDirectory() as state:
        began = time.perf_counter()
        with Daemon(Path(state), provider="auto") as daemon:
            daemon.wait_idle()
            status, body = get(daemon.port, "/decide/v3", "POST")
            took = time.perf_counter() - began
            answer = json.loads(body)
            assert status == 200
            heard = {vote["agent"] for decision in answer["decisions"] for vote in decision["votes"]}
            assert "quant" in heard, "the ranker did not vote"
            return took, answer["data"]["source"]


def main() -> None:
    runs = [one_run() for _ in range(RUNS)]
    seconds = round(statistics.median(took for took, _ in runs), 1)
    source = runs[0][1]
    print(
        json.dumps(
            {
                "name": "first_decision",
                "source": source,
                "seconds": seconds,
                "seconds_max": SECONDS_MAX,
                "runs": RUNS,
            }
        )
    )


if __name__ == "__main__":
    main()
