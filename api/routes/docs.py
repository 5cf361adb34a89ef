"""The API's documentation: Swagger UI from an installed package, without a CDN and without inline scripts."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response

from api.response_headers import POLICY_BASE
from api.static_files import file_names, package_folder, static_file
from core.errors import RequestError

FOLDER = Path(__file__).parents[1] / "docs"
LIBRARY = ("swagger-ui-bundle.js", "swagger-ui.css")
# Swagger UI sets style attributes and draws with data: images; scripts stay strict.
POLICY = (
    f"{POLICY_BASE}; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "style-src 'self' 'unsafe-inline'; font-src 'self'"
)
router = APIRouter(include_in_schema=False)


@router.get("/docs")
async def page() -> Response:
    """Return the page that shows /openapi.json."""
    return static_file(FOLDER / "index.html", POLICY)


@router.get("/docs/{name}")
async def asset(name: str) -> Response:
    """Return one of the page's files: ours, or Swagger UI's as its package has it."""
    if name in LIBRARY:
        return static_file(package_folder("fastapi_offline", "static") / name, POLICY)
    if name not in file_names(FOLDER):
        raise RequestError(f"The documentation has no {name}.", hint="Open /docs in a browser.", status=404)
    return static_file(FOLDER / name, POLICY)
