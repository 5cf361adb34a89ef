"""What `make` does before anything of ours runs: it finds a Python, and torch's index, or says what to do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.servers.daemon import free_port
from tests.servers.local_http import Answer, Asked, local_server

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(os.name == "nt", reason="scripts of a POSIX shell")
NO_INDEX = "usual index, since"


def a_python(path: Path, *, usable: bool) -> Path:
    """Write a program that says it is Python: this one, or an old one that has nothing of what is asked."""
    body = (
        f'exec "{sys.executable}" "$@"'
        if usable
        else 'test "$1" = --version && echo Python 3.9.1 && exit 0; exit 1'
    )
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return path


def made(folder: Path, path: Path, asked: str = "") -> subprocess.CompletedProcess[str]:
    """Run deploy/venv.sh where only what lies in `path` is found."""
    for tool in ("sh", "rm", "cat", "dirname"):
        if not (path / tool).exists():
            (path / tool).symlink_to(str(shutil.which(tool)))
    return subprocess.run(
        ["/bin/sh", str(ROOT / "deploy" / "venv.sh"), str(folder), "newest", asked],
        env={"PATH": str(path), "HOME": str(path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_without_a_python_it_says_what_to_install_and_makes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    a_python(path / "python3", usable=False)
    done = made(tmp_path / "venv", path)
    assert done.returncode == 1
    assert "there is: Python 3.9.1. Nothing was downloaded." in done.stderr
    assert "sudo apt install python3 python3-venv" in done.stderr
    assert not (tmp_path / "venv").exists()


def test_an_environment_with_the_wrong_python_is_made_anew_and_a_right_one_kept(tmp_path: Path) -> None:
    path, folder = tmp_path / "bin", tmp_path / "venv"
    path.mkdir()
    a_python(path / "python3.13", usable=False)  # as pyenv's stand-ins for versions that are not chosen
    a_python(path / "python3", usable=True)
    (folder / "bin").mkdir(parents=True)
    a_python(folder / "bin" / "python", usable=False)
    done = made(folder, path)
    assert done.returncode == 0, done.stderr
    assert "it is made anew" in done.stdout
    assert (folder / "bin" / "pip").exists()
    kept = (folder / "pyvenv.cfg").stat().st_mtime_ns
    assert made(folder, path).stdout == ""
    assert (folder / "pyvenv.cfg").stat().st_mtime_ns == kept


def test_a_python_that_is_named_is_the_one_taken(tmp_path: Path) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    a_python(path / "python3", usable=True)
    old = a_python(path / "old", usable=False)
    done = made(tmp_path / "venv", path, str(old))
    assert done.returncode == 1
    assert "Python 3.9.1" in done.stderr


def torch_asked_for(tmp_path: Path, index: str, wanted: str = "1") -> str:
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ntest "$1" = -c && exec "{sys.executable}" "$@"\necho "$@"\n')
    python.chmod(0o755)
    return subprocess.run(
        [str(ROOT / "deploy" / "torch.sh"), str(python), "torch==2.13.0", wanted, index],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip


def test_torch_comes_from_the_index_for_processors_where_that_answers(tmp_path: Path) -> None:
    asked: list[Asked] = []

    def answer(request: Asked) -> Answer:
        asked.append(request)
        return Answer()

    with local_server(answer) as port:
        index = f"http://127.0.0.1:{port}/whl/cpu"
        assert f"--extra-index-url {index}" in torch_asked_for(tmp_path, index)
        assert [one.path for one in asked] == ["/whl/cpu/torch/"]
        assert "--extra-index-url" not in torch_asked_for(tmp_path, index, wanted="0")
    assert len(asked) == 1


def test_torch_comes_from_the_usual_index_otherwise(tmp_path: Path) -> None:
    written = torch_asked_for(tmp_path, f"http://127.0.0.1:{free_port()}/whl/cpu")
    assert NO_INDEX in written
    assert "install --quiet --no-compile --disable-pip-version-check torch==2.13.0" in written
    assert "--extra-index-url" not in written


def test_what_nobody_imports_is_removed_and_the_rest_stays(tmp_path: Path) -> None:
    packages = tmp_path / "lib" / "python3.12" / "site-packages"
    gone = [
        "pandas/tests/a.py",
        "scipy/stats/tests/b.py",
        "talib/_ta_lib.c",
        "pyarrow/libarrow_flight.so.2600",
        "pyarrow/libarrow_python.so",
        "pyarrow/libarrow_python.so.2600.1.0",
        "bokeh/server/static/js/bokeh.js",
    ]
    kept = [
        "pyarrow/libarrow_python.so.2600",
        "bokeh/server/static/js/bokeh.min.js",
        "numpy/__init__.pyi",
        "pandas/core/a.py",
        "numpy/testing/c.py",
        "talib/_ta_lib.so",
        "pyarrow/libarrow.so.2600",
        "sklearn/a.py",
    ]
    for name in (*gone, *kept, "matplotlib/a.py"):
        (packages / name).parent.mkdir(parents=True, exist_ok=True)
        (packages / name).touch()
    for _ in range(2):
        subprocess.run([str(ROOT / "deploy" / "slim.sh"), str(tmp_path)], check=True)
    assert [name for name in gone if (packages / name).exists()] == []
    assert [name for name in kept if not (packages / name).exists()] == []


def test_no_install_of_ours_compiles_what_it_installs() -> None:
    recipes = [(ROOT / name).read_text("utf-8") for name in ("Makefile", "Dockerfile", "deploy/torch.sh")]
    assert all("--no-compile" in recipe for recipe in recipes)
    assert not any("PIP_NO_COMPILE" in recipe for recipe in recipes), "pip reads 1 there as: compile"
