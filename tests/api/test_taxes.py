"""Taxes over the API: a year's gains, and the same as Form 8949."""

from __future__ import annotations

import csv
import io

import httpx

from config.taxes import TaxSettings
from core.form_8949 import COLUMNS
from tests.api.conftest import Daemon
from tests.api.problem import assert_problem


def test_a_year_is_answered_and_marked_as_no_advice(client: httpx.Client) -> None:
    body = client.get("/taxes", params={"year": 2025}).json()
    assert body["year"] == 2025
    assert body["may_change_until"] == "2026-01-30"
    assert "no tax advice" in body["advice"]
    for term, wanted in (("short_term", False), ("long_term", True)):
        sold = [sale for sale in body["sales"] if sale["is_long_term"] is wanted]
        assert float(body[term]["gain_usd"]) == sum(float(sale["gain_usd"]) for sale in sold)


def test_the_form_has_its_columns_and_a_name(client: httpx.Client) -> None:
    answer = client.get("/taxes/8949.csv", params={"year": 2025})
    assert answer.headers["content-type"].startswith("text/csv")
    assert "form8949-2025.csv" in answer.headers["content-disposition"]
    assert tuple(next(csv.reader(io.StringIO(answer.text)))) == COLUMNS


def test_lots_named_in_vain_are_said(client: httpx.Client, daemon: Daemon) -> None:
    daemon.app.state.taxes = TaxSettings.model_validate(
        {"lot_method": "specific", "specific_lots": {"no-sale": {"no-lot": 5}}}
    )
    try:
        notes = client.get("/taxes").json()["notes"]
    finally:
        del daemon.app.state.taxes
    assert [note.split(", which")[0].split()[-1] for note in notes] == ["no-lot", "no-sale"]


def test_a_year_that_is_none_is_a_problem(client: httpx.Client) -> None:
    assert_problem(client.get("/taxes", params={"year": "soon"}), 422)
