"""A unit test stands at the path of what it tests: tests/unit/risk/test_limits.py for risk/limits.py."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "tests" / "unit"


def source_of(test: Path, root: Path = ROOT) -> Path | None:
    """Return the file or package that a unit test stands for; None where there is none.

    `test_order_review_resize.py` may stand beside `test_order_review.py`: what follows the file's name says which
    part of it is tested.
    """
    folder = root / test.parent.relative_to(UNIT)
    words = test.stem.removeprefix("test_").split("_")
    for count in range(len(words), 0, -1):
        name = "_".join(words[:count])
        for found in (folder / f"{name}.py", folder / name / "__init__.py"):
            if found.is_file():
                return found
    return None


def unit_tests() -> list[Path]:
    return sorted(UNIT.rglob("*.py"))


def test_there_are_unit_tests_and_nothing_else_beside_them() -> None:
    assert len(unit_tests()) > 40
    assert [test.name for test in unit_tests() if not test.name.startswith("test_")] == []


@pytest.mark.parametrize("test", unit_tests(), ids=lambda test: test.relative_to(UNIT).as_posix())
def test_a_unit_test_stands_at_the_path_of_what_it_tests(test: Path) -> None:
    assert source_of(test) is not None, f"{test.relative_to(ROOT)} tests no file of that path"


@pytest.mark.parametrize(
    ("planted", "source"),
    [
        ("risk/test_limits.py", "risk/limits.py"),
        ("risk/test_order_review_resize.py", "risk/order_review.py"),
        ("models/test_ranker.py", "models/ranker/__init__.py"),
        ("test_limits.py", None),
        ("risk/test_limit.py", None),
        ("agents/test_limits.py", None),
    ],
)
def test_a_planted_wrong_place_is_caught(planted: str, source: str | None) -> None:
    assert source_of(UNIT / planted) == (None if source is None else ROOT / source)
