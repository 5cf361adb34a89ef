"""The dashboard: static files of ours, and the chart library's own, under a strict content policy."""

from __future__ import annotations

from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import Response

from api.response_headers import POLICY_BASE
from api.static_files import file_names, package_folder, static_file
from core.errors import RequestError

FOLDER = Path(__file__).parents[1] / "dashboard"
LIBRARY = ("bokeh.min.js", "bokeh-api.min.js")
# Bokeh makes <style> elements, hence 'unsafe-inline' for those alone; scripts and style attributes stay strict.
POLICY = (
    f"{POLICY_BASE}; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "style-src 'self'; style-src-elem 'self' 'unsafe-inline'; font-src 'self'; manifest-src 'self'"
)
router = APIRouter(include_in_schema=False)


@router.get("/")
async def page() -> Response:
    """Give the dashboard's page."""
    return static_file(FOLDER / "index.html", POLICY)


@router.get("/dashboard/library/{name}")
async def library(name: str) -> Response:
    """Give the chart library's minified file, as its package has it."""
    if name not in LIBRARY:
        raise RequestError(f"There is no {name}.", hint=f"There are {', '.join(LIBRARY)}.", status=404)
    return static_file(package_folder("bokeh", "server", "static", "js") / name, POLICY)


@router.get("/dashboard/{name}")
async def asset(name: str) -> Response:
    """Give one of the page's own files."""
    if name not in file_names(FOLDER):
        raise RequestError(f"The dashboard has no {name}.", hint="Open / in a browser.", status=404)
    return static_file(FOLDER / name, POLICY)
