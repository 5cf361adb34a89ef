"""Schemathesis over the OpenAPI document: no 5xx, no undeclared status, answers as documented."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from typing import Any, cast

import pytest
import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from api.app import create_app
from config.environment import read_environment
from tests.api.conftest import Daemon

CASES = int(os.environ.get("FUZZ_CASES", "12"))  # of each operation; `make fuzz` asks for many more
OPERATIONS_MIN = 20
TOO_LONG_TO_FUZZ = ["/quant/retrain", "/train"]  # each call trains; test_endpoints.py and test_rl.py have them


nobody = cast(Any, None)  # the document is the routes' alone; the calls go to the running daemon
document = create_app(nobody, nobody, read_environment({}), nobody).openapi()
schema = schemathesis.openapi.from_dict(document).exclude(path=TOO_LONG_TO_FUZZ)


@pytest.fixture(scope="module")
def sent() -> Iterator[Counter[str]]:
    """Count the requests by operation; the sum is printed at the end (pytest -s shows it)."""
    count: Counter[str] = Counter()
    yield count
    print(f"\nfuzz: {count.total()} requests to {len(count)} operations")  # the closing line


@schema.parametrize()  # type: ignore[untyped-decorator]  # schemathesis ships no types
@settings(max_examples=CASES, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_no_input_breaks_it(case: Any, daemon: Daemon, sent: Counter[str]) -> None:
    sent[case.operation.label] += 1
    # all checks but one: a schema cannot say that a what-if is never executed, or from when on there are bars
    case.call_and_validate(base_url=daemon.url, excluded_checks=[positive_data_acceptance])


def test_the_document_is_complete() -> None:
    operations = [
        (path, method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    assert len(operations) >= OPERATIONS_MIN
    for path, _, operation in operations:
        assert {"401", "403", "421"} <= set(operation["responses"]), path
        for status, response in operation["responses"].items():
            if int(status) >= 400:
                assert set(response["content"]) == {"application/problem+json"}, (path, status)


@pytest.mark.parametrize("answer", ["DecisionAnswer", "RegimeAnswer", "ScanAnswer", "RankAnswer", "JobAnswer"])
def test_answers_have_examples(answer: str) -> None:
    schemas = document["components"]["schemas"]
    example = schemas[answer]["examples"][0]
    assert set(schemas[answer]["required"]) <= set(example)
