"""The command line of the backtests: days and numbers that are none are told in plain words."""

from __future__ import annotations

import os
import stat
from datetime import date
from pathlib import Path

import pytest

from backtest.app.cli import main, parser


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--start", "2024-09-31"], "there is no day 2024-09-31: September 2024 ends on 2024-09-30"),
        (["--end", "2023-02-29"], "there is no day 2023-02-29: February 2023 ends on 2023-02-28"),
        (["--start", "2024-13-01"], "2024-13-01 is not a day; write it as 2024-09-30"),
        (["--start", "0000-01-01"], "is not a day"),
        (["--start", "30.09.2024"], "is not a day"),
        (["--start", "yesterday"], "is not a day"),
        (["--start", "²024-09-30"], "is not a day"),
        (["--seed", "²"], "not a whole number of 0 or more"),
        (["--jobs", "0"], "not a whole number of 1 or more"),
        (["--jobs", "٣"], "not a whole number"),
        (["--books", "²00"], "not a whole number of 200 or more"),
        (["--trials", "9" * 5000], "not a whole number"),
        (["--retrain-sessions", "-1"], "whole number"),
    ],
)
def test_what_is_no_day_or_number_is_told_with_exit_code_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parser("pipeline").parse_args(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


def test_days_and_numbers_are_read() -> None:
    read = parser("pipeline").parse_args(["--start", "2024-09-30", "--seed", "7", "--jobs", "2"])
    assert (read.start, read.seed, read.jobs) == (date(2024, 9, 30), 7, 2)


def test_a_secret_in_an_error_is_masked_and_new_files_are_the_users_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = "not-for-any-terminal"
    before = os.umask(0)
    try:
        code = main("pipeline", ["--feed", f"parquet:/nowhere/{secret}"], {"TRADING_API_TOKEN": secret})
        (tmp_path / "made").touch()
    finally:
        os.umask(before)
    said = capsys.readouterr().err
    assert code != 0
    assert "/nowhere/" in said
    assert secret not in said
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) & 0o077 == 0
