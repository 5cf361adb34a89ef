"""Alpaca's own OpenAPI documents: every request of ours and every answer of the stand-ins is held against them.

The documents are read from `../shared/references/alpaca`; where they are absent nothing is compared. What they do
not name is refused as well (an unknown query parameter, an unknown field), so that a slip of the pen is caught.
`alpaca_differences` names each place where the real API is known to differ from its document.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema_rs

from tests.servers.alpaca_differences import DIFFERENCES, MARKET_DATA, TRADING
from tests.servers.local_http import Answer, Asked, Outcome

FOLDER = Path(__file__).parents[2].parent / "shared" / "references" / "alpaca"
METHODS = ("get", "post", "patch", "put", "delete")
EVERYWHERE = {
    "401": "without a key that is known", "403": "the key may not do this", "429": "too many requests",
    "500": "a fault of the server's", "502": "the same", "503": "the same", "504": "the same",
}  # fmt: skip
"""Statuses that any path may answer with; the trading document names them for few."""
FAULTS_MAX = 50


@dataclass(frozen=True, kw_only=True)
class _Operation:
    """One method of one path, compiled."""

    parameters: Mapping[str, tuple[Mapping[str, Any], Any]]
    required: frozenset[str]
    body: Any
    answers: Mapping[str, Any]


class Document:
    """One of Alpaca's documents, made ready to compare with.

    Parameters
    ----------
    raw : Mapping
        The OpenAPI 3.0 document as JSON.
    """

    def __init__(self, raw: Mapping[str, Any]) -> None:
        self._raw = raw
        self._components = _as_json_schema(raw["components"])
        self._paths = [(re.compile(re.sub(r"\{[^}]+\}", "([^/]+)", path)), path) for path in raw["paths"]]
        self._paths.sort(key=lambda found: "{" in found[1])  # a fixed path comes before a pattern
        self._operations: dict[tuple[str, str], _Operation | None] = {}

    def faults(self, asked: Asked, answer: Answer | None) -> Iterator[str]:
        """Name what in a request, and in its answer if there was one, is not as the document has it."""
        path = next((name for pattern, name in self._paths if pattern.fullmatch(asked.path)), None)
        operation = self._operation(path, asked.method.lower()) if path else None
        if operation is None:
            yield f"{asked.method} {asked.path}: no such operation"
            return
        where = f"{asked.method} {path}"
        yield from (f"{where} request: {fault}" for fault in _request_faults(operation, asked))
        if answer is not None:
            status = f"{where} answer {answer.status}"
            yield from (f"{status}: {fault}" for fault in _answer_faults(operation, answer))

    def _operation(self, path: str, method: str) -> _Operation | None:
        key = (path, method)
        if key not in self._operations:
            raw = self._raw["paths"][path]
            self._operations[key] = self._compiled(raw, raw[method]) if method in raw else None
        return self._operations[key]

    def _compiled(self, path: Mapping[str, Any], raw: Mapping[str, Any]) -> _Operation:
        listed = [self._resolved(one) for one in (*path.get("parameters", ()), *raw.get("parameters", ()))]
        query = {one["name"]: one for one in listed if one["in"] == "query"}
        parameters = {
            name: (self._resolved(_as_json_schema(one["schema"])), self._validator(one["schema"]))
            for name, one in query.items()
        }
        responses = {status: self._resolved(one) for status, one in raw["responses"].items()}
        return _Operation(
            parameters=parameters,
            required=frozenset(name for name, one in query.items() if one.get("required")),
            body=self._content(raw.get("requestBody", {})),
            answers={status: self._content(one) for status, one in responses.items()},
        )

    def _content(self, holder: Mapping[str, Any]) -> Any:
        media = self._resolved(holder).get("content", {}).get("application/json")
        return self._validator(media["schema"]) if media and "schema" in media else None

    def _validator(self, schema: Mapping[str, Any]) -> Any:
        whole = {**_as_json_schema(schema), "components": self._components}
        return jsonschema_rs.Draft202012Validator(whole, validate_formats=True)

    def _resolved(self, node: Mapping[str, Any]) -> Mapping[str, Any]:
        while "$ref" in node:
            found: Any = self._raw
            for name in node["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            node = found
        return node


@dataclass(kw_only=True)
class Conformance:
    """Holds what is asked and answered against the documents.

    Attributes
    ----------
    compared : Counter
        How many requests and answers were compared.
    faults : Counter
        What is not as the documents have it, and how often.
    """

    documents: Mapping[str, Document]
    compared: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)

    def compare(self, asked: Asked, outcome: Outcome) -> None:
        """Compare one request and what came of it; nothing is said to who asked."""
        answer = outcome if isinstance(outcome, Answer) else None
        self.compared["requests"] += 1
        self.compared["answers"] += answer is not None
        for fault in _document_of(asked, self.documents).faults(asked, answer):
            if fault in self.faults or len(self.faults) < FAULTS_MAX:
                self.faults[fault] += 1


@cache
def read_documents() -> Mapping[str, Document]:
    """Read the documents with their differences; empty where they are absent."""
    if not FOLDER.is_dir():
        return {}
    raw = {name: json.loads((FOLDER / f"{name}.json").read_text()) for name in (TRADING, MARKET_DATA)}
    for difference in DIFFERENCES:
        node = raw[difference.document]
        for step in difference.within:
            node = node[step]
        assert node.get(difference.name) != difference.value, f"the document has it by now: {difference}"
        node[difference.name] = difference.value
    return {name: Document(one) for name, one in raw.items()}


def conformance() -> Conformance | None:
    """Begin a comparison; None where the documents are absent."""
    documents = read_documents()
    return Conformance(documents=documents) if documents else None


def _document_of(asked: Asked, documents: Mapping[str, Document]) -> Document:
    is_data = asked.path.startswith(("/v2/stocks/", "/v1beta1/", "/v1/corporate-actions"))
    return documents[MARKET_DATA if is_data else TRADING]


def _request_faults(operation: _Operation, asked: Asked) -> Iterator[str]:
    for name in sorted(operation.required - set(asked.query)):
        yield f"{name} is missing"
    for name, text in asked.query.items():
        if name not in operation.parameters:
            yield f"no such parameter: {name}"
            continue
        schema, validator = operation.parameters[name]
        yield from (
            f"{name}: {_short(error)}" for error in validator.iter_errors(_decoded(schema, unquote(text)))
        )
    if asked.body:
        if operation.body is None:
            yield "it has no body"
        else:
            yield from map(_short, operation.body.iter_errors(json.loads(asked.body)))


def _answer_faults(operation: _Operation, answer: Answer) -> Iterator[str]:
    status = str(answer.status)
    if status not in operation.answers:
        if status not in EVERYWHERE:
            yield "no such status"
        return
    validator = operation.answers[status]
    if validator is not None:
        body = json.loads(answer.body) if isinstance(answer.body, bytes) else json.loads(json.dumps(answer.body))
        yield from map(_short, validator.iter_errors(body))


def _decoded(schema: Mapping[str, Any], text: str) -> Any:
    """Read a query's text as the type that its schema names."""
    kind = schema.get("type")
    if kind == "array":
        return text.split(",")
    if kind in ("integer", "number", "boolean"):
        try:
            return json.loads(text)
        except ValueError:
            return text
    return text


def _short(error: Any) -> str:
    """Say where and what, with list positions left out so that one cause is one line."""
    place = ".".join("*" if isinstance(step, int) else str(step) for step in error.instance_path)
    return f"{place or 'the whole'}: {error.message[:200]}"


def _as_json_schema(node: Any, *, closed: bool = True) -> Any:
    """Turn OpenAPI 3.0's dialect into JSON Schema's: `nullable`, and objects that hold what is named only."""
    if isinstance(node, list):
        return [_as_json_schema(one, closed=closed) for one in node]
    if not isinstance(node, dict):
        return node
    out = {
        name: _as_json_schema(value, closed=closed and name != "allOf")
        for name, value in node.items()
        if name not in ("nullable", "example", "examples", "x-examples", "discriminator")
    }
    if isinstance(out.get("properties"), dict) and closed and isinstance(out.get("type", "object"), str):
        out.setdefault("additionalProperties", False)
    if node.get("nullable") is True and isinstance(out.get("type"), str):
        out["type"] = [out["type"], "null"]
        if "enum" in out:
            out["enum"] = [*out["enum"], None]
    return out
