"""Error responses in the OpenAPI document: every status of a route, each as a problem."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from api.problems import MEDIA_TYPE, Problem

MEANINGS = {
    400: "The request could not be read.",
    401: "The bearer token is missing or wrong.",
    403: "The request comes from a web page of another origin.",
    404: "There is no such thing.",
    409: "The engine's state does not allow it now.",
    413: "The body is larger than 1 MiB.",
    415: "The body is not JSON.",
    421: "The Host header names another server.",
    422: "A field is wrong.",
    429: "Too many callers wait for the engine, or too many wrong tokens came from one address: try later.",
    503: "The engine is not ready, or its feed or broker failed: try again.",
}
Responses = dict[int | str, dict[str, Any]]


def problems(*statuses: int) -> Responses:
    """Declare the statuses of a route, besides those that any request can meet."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"description": MEANINGS[status], "content": content} for status in statuses}


ANYWHERE = problems(400, 401, 403, 413, 415, 421, 429)
SERVICE_CALL = problems(404, 409, 422, 503)


def install(app: FastAPI) -> None:
    """Add the problem's schema to the document, which FastAPI leaves out since no route returns one."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes
            )
            schemas = schema.setdefault("components", {}).setdefault("schemas", {})
            schemas["Problem"] = Problem.model_json_schema()
            app.openapi_schema = schema
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's documented way to extend it
