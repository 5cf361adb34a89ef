"""Errors as `application/problem+json` (RFC 9457), each with a `hint` that says what to do."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from api.response_headers import SECURITY_HEADERS
from core.errors import EngineError, Fatal, RequestError
from core.text_forms import said_of

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_SECONDS = "2"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
EXPLANATIONS = {
    400: ("The request could not be read.", "Send one JSON object, or no body at all."),
    404: ("There is nothing at this path.", "See /docs or /openapi.json for what can be called."),
    405: ("This path does not answer to this method.", "The Allow header names the methods it answers to."),
}


class Problem(BaseModel):
    """What went wrong, and what to do about it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "type": "urn:trading-engine:unprocessable-entity",
                "title": "Unprocessable Entity",
                "status": 422,
                "detail": "tickers.0: NVDIA is not in the universe.",
                "hint": "The nearest known names are NVDA, NKE.",
            }
        }
    )

    type: str = Field(description="A URN that names the kind of problem.")
    title: str = Field(description="The kind of problem in words.")
    status: int = Field(description="The HTTP status.", ge=400, le=599)
    detail: str = Field(description="What happened this time, and what it means.")
    hint: str = Field(description="What to do next.")


def problem(
    status: int, detail: str, hint: str, *, kind: str = "", headers: Mapping[str, str] | None = None
) -> Response:
    """Build a response that names a problem; its body is pure ASCII, whatever the caller sent."""
    title = HTTPStatus(status).phrase
    body = {
        "type": f"urn:trading-engine:{kind or title.lower().replace(' ', '-')}",
        "title": title,
        "status": status,
        "detail": detail,
        "hint": hint,
    }
    encoded = json.dumps(body, separators=(",", ":")).encode("ascii")
    # with the security headers: Starlette sends the 500 outside every middleware
    return Response(encoded, status, headers={**SECURITY_HEADERS, **(headers or {})}, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of the application a problem."""
    app.add_exception_handler(EngineError, _engine)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _unexpected)


async def _engine(_: Request, error: Exception) -> Response:
    if isinstance(error, RequestError):
        hint = error.hint or "Correct the request and send it again."
        headers = {"Retry-After": RETRY_AFTER_SECONDS} if error.status in (429, 503) else None
        return problem(error.status, error.message, hint, headers=headers)
    if isinstance(error, EngineError) and not isinstance(error, Fatal):
        hint = error.hint or "Try again in a moment; GET /status says what is degraded."
    else:
        hint = getattr(error, "hint", "") or "Read GET /status and the log, mend the cause, then POST /resume."
    message = getattr(error, "message", str(error))
    return problem(503, message, hint, kind=_kind(error), headers={"Retry-After": RETRY_AFTER_SECONDS})


def _kind(error: Exception) -> str:
    name = type(error).__name__
    return "".join(f"-{c.lower()}" if c.isupper() else c for c in name).lstrip("-")


async def _invalid(_: Request, error: Exception) -> Response:
    faults: Sequence[Any] = error.errors() if isinstance(error, RequestValidationError) else ()
    details = [f"{_place(fault['loc'])}: {_reason(fault)}" for fault in faults[:5]]
    hints = [str(hint) for fault in faults if (hint := fault.get("ctx", {}).get("hint"))]
    hint = hints[0] if hints else "See /docs for the fields, their types and their bounds."
    return problem(422, "; ".join(details) or "The request is not valid.", hint)


def _place(location: Sequence[object]) -> str:
    path = [str(part)[:64] for part in location if part not in ("body", "query", "path")]
    return ".".join(path) or "body"


def _reason(fault: Mapping[str, Any]) -> str:
    message = said_of(fault)
    return message if message.endswith(".") else f"{message}."


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - Starlette calls this handler for nothing else
    usual, hint = EXPLANATIONS.get(error.status_code, ("", "See /docs for what can be called."))
    said_more = error.detail != HTTPStatus(error.status_code).phrase
    detail = error.detail if said_more or not usual else usual
    headers = dict(error.headers or {})
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        headers["Allow"] = ", ".join(sorted(_methods_at(request)))
    return problem(error.status_code, detail, hint, headers=headers)


def _methods_at(request: Request) -> set[str]:
    """Return what the request's path answers to: the framework names the methods of the first route alone."""
    found = {
        method
        for method in METHODS
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    }
    return found | {"HEAD"} if "GET" in found else found


async def _unexpected(_: Request, error: Exception) -> Response:
    return problem(
        500,
        f"An unexpected {type(error).__name__}: a bug in the engine.",
        "The log has the traceback; please report it.",
    )
