"""Settings files: what is not clean UTF-8 JSON is refused by name, at the start and while it runs."""

from __future__ import annotations

import codecs
import json
import os
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from config.json_file import BYTES_MAX, NESTING_MAX
from config.loader import FOLDER, load_risk, load_trading, read_json
from config.risk import RiskSettings
from config.watch import WatchedRisk
from core.errors import SettingsError

LIMITS = '{"daily_limits": {"max_daily_loss_pct": -0.005}}'
Harm = Callable[[Path], object]


def text(content: str, encoding: str = "utf-8") -> Harm:
    return lambda path: path.write_bytes(content.encode(encoding))


def loop(path: Path) -> None:
    path.symlink_to(path.name)


def unreadable(path: Path) -> None:
    path.write_text(LIMITS)
    path.chmod(0)


def nested(opening: str, closing: str) -> Harm:
    return text('{"a": ' + opening * 100_000 + "1" + closing * 100_000 + "}")


HARMS: Mapping[str, tuple[Harm, str]] = {
    "UTF-16 with a mark": (text(LIMITS, "utf-16"), "is UTF-16, not UTF-8"),
    "UTF-16 big end first": (lambda p: p.write_bytes(codecs.BOM_UTF16_BE + LIMITS.encode("utf-16-be")), "UTF-16"),
    "UTF-16 without a mark": (text(LIMITS, "utf-16-le"), "UTF-16 or UTF-32"),
    "UTF-32": (text(LIMITS, "utf-32"), "is UTF-32"),
    "Latin-1": (text('{\n"note": "\xe4"}', "latin-1"), "not UTF-8: byte 0xe4 in line 2"),
    "cut within a letter": (lambda p: p.write_bytes('{"a": "ä'.encode()[:-1]), "not UTF-8"),
    "a mark twice": (lambda p: p.write_bytes(codecs.BOM_UTF8 * 2 + LIMITS.encode()), "is not JSON"),
    "empty": (text(""), "is empty"),
    "blank": (text("\n \n"), "is empty"),
    "only a mark": (lambda p: p.write_bytes(codecs.BOM_UTF8), "is empty"),
    "a null byte": (text(LIMITS + "\0"), "is not JSON"),
    "null bytes": (lambda p: p.write_bytes(b"\0" * 100), "UTF-16 or UTF-32"),
    "cut": (text(LIMITS[:-3]), "is not JSON"),
    "two objects": (text(LIMITS * 2), "is not JSON"),
    "a comment": (text("// mine\n" + LIMITS), "is not JSON"),
    "a comma too many": (text('{"daily_limits": {},}'), "is not JSON"),
    "a number without end": (text('{"daily_limits": ' + "9" * 5000 + "}"), "is not JSON"),
    "NaN": (text('{"daily_limits": {"max_daily_loss_pct": NaN}}'), "NaN is no JSON number"),
    "infinity": (text('{"daily_limits": {"max_daily_loss_pct": -1e999}}'), "max_daily_loss_pct"),
    "a list": (text("[]"), "holds a list"),
    "null": (text("null"), "holds a NoneType"),
    "half a surrogate": (text('{"\\ud800": 1}'), "file"),
    "lists without end": (nested("[", "]"), "nested deeper than 16"),
    "objects without end": (nested('{"a": ', "}"), "nested deeper than 16"),
    "lists that are not closed": (text("[" * 200_000), "nested deeper than 16"),
    "dots without end": (text(json.dumps({"a." * 100_000: 1})), "nested deeper than 16"),
    "a key of a megabyte": (text(json.dumps({"a" * 900_000: 1})), "unknown key aaa"),
    "a value of a megabyte": (text(json.dumps({"daily_limits": "a" * 900_000})), "daily_limits"),
    "larger than allowed": (text(" " * (BYTES_MAX + 1)), "more than the 1000000 allowed"),
    "a key twice": (
        text('{"daily_limits": {"max_daily_loss_pct": -0.005, "max_daily_loss_pct": -0.02}}'),
        "has daily_limits.max_daily_loss_pct twice",
    ),
    "an object twice": (text('{"daily_limits": {}, "daily_limits": {}}'), "daily_limits twice"),
    "a key twice, once dotted": (
        text('{"daily_limits.max_daily_loss_pct": -0.005, "daily_limits": {"max_daily_loss_pct": -0.02}}'),
        "has daily_limits.max_daily_loss_pct twice",
    ),
    "a value and an object": (text('{"daily_limits": 1, "daily_limits.max_daily_trades": 1}'), "twice"),
    "a folder": (Path.mkdir, "is a folder"),
    "a FIFO": (os.mkfifo, "is a FIFO"),
    "a device": (lambda p: p.symlink_to("/dev/zero"), "is a device"),
    "a link to nothing": (lambda p: p.symlink_to("gone"), "is a link to a file that there is not"),
    "a link to itself": (loop, "cannot be read"),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("trading.default.json", "risk.default.json"):
        shutil.copy(FOLDER / name, tmp_path / name)
    shutil.copytree(FOLDER / "profiles", tmp_path / "profiles")
    return tmp_path


@pytest.mark.parametrize("name", HARMS)
@pytest.mark.parametrize(("file", "load"), [("risk.json", load_risk), ("trading.json", load_trading)])
def test_a_file_that_is_not_clean_is_refused_by_name(
    folder: Path, name: str, file: str, load: Callable[[Path], object]
) -> None:
    harm, words = HARMS[name]
    harm(folder / file)
    with pytest.raises(SettingsError) as caught:
        load(folder)
    told = str(caught.value)
    assert file in told
    assert words in told or words in ("max_daily_loss_pct", "daily_limits")
    assert len(told) < 1_000


@pytest.mark.parametrize("name", HARMS)
def test_an_edit_that_is_not_clean_leaves_the_old_limits_in_force_and_is_told(folder: Path, name: str) -> None:
    risk = folder / "risk.json"
    risk.write_text('{"daily_limits": {"max_daily_trades": 3}}')
    watched = WatchedRisk(folder)
    risk.unlink()
    harm, words = HARMS[name]
    harm(risk)
    assert watched.refresh()
    assert words in watched.fault and str(risk.name) in watched.fault
    assert "the old limits stay in force" in watched.fault
    assert watched.settings.daily_limits.max_daily_trades == 3
    shutil.rmtree(risk) if risk.is_dir() and not risk.is_symlink() else risk.unlink()
    risk.write_text('{"daily_limits": {"max_daily_trades": 4}}')
    assert watched.refresh()
    assert (watched.fault, watched.settings.daily_limits.max_daily_trades) == ("", 4)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_refused(folder: Path) -> None:
    unreadable(folder / "risk.json")
    with pytest.raises(SettingsError, match=r"risk\.json cannot be read"):
        load_risk(folder)


def test_a_mark_of_utf_8_is_left_out(folder: Path) -> None:
    (folder / "risk.json").write_bytes(codecs.BOM_UTF8 + LIMITS.encode())
    assert load_risk(folder).daily_limits.max_daily_loss_pct == -0.005


def test_parts_of_one_object_may_be_dotted(folder: Path) -> None:
    content = {"daily_limits.max_daily_trades": 3, "daily_limits": {"max_daily_loss_pct": -0.005}}
    (folder / "risk.json").write_text(json.dumps(content))
    limits = load_risk(folder).daily_limits
    assert (limits.max_daily_trades, limits.max_daily_loss_pct) == (3, -0.005)


def test_an_edit_of_the_same_size_and_time_is_seen(folder: Path) -> None:
    risk, other = folder / "risk.json", folder / "other.json"
    risk.write_text('{"daily_limits": {"max_daily_trades": 3}}')
    watched = WatchedRisk(folder)
    other.write_text('{"daily_limits": {"max_daily_trades": 4}}')
    stat = risk.stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(risk)
    assert watched.refresh()
    assert watched.settings.daily_limits.max_daily_trades == 4


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    body=st.binary(max_size=60)
    | st.text(max_size=60).map(lambda t: f'{{"{t}": 1}}'.encode("utf-8", "surrogatepass"))
)
def test_whatever_the_bytes_are_it_is_settings_or_a_refusal(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "risk.json"
    path.write_bytes(body)
    try:
        content = read_json(path)
    except SettingsError as error:
        assert "risk.json" in str(error)
    else:
        assert isinstance(content, dict)


def test_the_bound_of_nesting_leaves_room_for_the_settings_and_for_the_interpreter() -> None:
    def depth(value: object) -> int:
        return 1 + max(map(depth, value.values()), default=0) if isinstance(value, dict) else 0

    assert depth(RiskSettings().model_dump()) < NESTING_MAX < sys.getrecursionlimit() / 10
