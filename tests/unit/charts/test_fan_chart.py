"""The fan chart: the same paths give the same bytes, other paths another picture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from charts.fan_chart import draw_fan


def test_the_same_paths_give_the_same_picture(tmp_path: Path) -> None:
    days = np.arange("2024-01-01", "2024-03-01", dtype="datetime64[D]")
    paths = np.cumprod(1 + np.random.default_rng(0).normal(0, 0.01, (5, len(days))), axis=1, dtype=np.float64)
    for name, curves in (("one", paths), ("same", paths), ("other", paths**2)):
        draw_fan("A title", "what it is", days, curves, {"SPY": paths[0]}, tmp_path / f"{name}.png")
    one, same, other = ((tmp_path / f"{name}.png").read_bytes() for name in ("one", "same", "other"))
    assert one.startswith(b"\x89PNG")
    assert one == same != other
