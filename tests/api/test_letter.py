"""Letters over HTTP."""

from __future__ import annotations

import httpx

from tests.api.conftest import Daemon


def test_a_letter_is_written_read_and_shown_as_a_page(daemon: Daemon) -> None:
    with httpx.Client(base_url=daemon.url, timeout=60) as client:
        written = client.post("/letter")
        assert written.status_code == 200, written.text
        letter = written.json()
        assert client.get(f"/letter/{letter['session']}").json() == letter
        assert client.get("/letter").json()["session"] == letter["session"]
        assert letter["session"] in client.get("/letters").json()["sessions"]
        page = client.get(f"/letter/{letter['session']}/page")
        assert page.headers["content-type"].startswith("text/html")
        assert letter["session"] in page.text
        assert letter["text"].startswith(f"Letter of {letter['session']}")


def test_a_letter_that_there_is_not(daemon: Daemon) -> None:
    answer = httpx.get(f"{daemon.url}/letter/1999-01-04", timeout=60)
    assert answer.status_code == 404
    assert "POST /letter" in answer.json()["hint"]
    assert httpx.get(f"{daemon.url}/letter/yesterday", timeout=60).status_code == 422
