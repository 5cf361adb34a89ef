"""The dashboard: static files of ours, and the chart library's own, under a strict content policy."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import FileResponse, Response

from core.errors import RequestError

FOLDER = Path(__file__).parents[1] / "dashboard"
LIBRARY = ("bokeh.min.js", "bokeh-api.min.js")
MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
# Bokeh makes <style> elements, hence 'unsafe-inline' for those alone; scripts and style attributes stay strict.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "style-src 'self'; style-src-elem 'self' 'unsafe-inline'; font-src 'self'; manifest-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-cache",
}
router = APIRouter(include_in_schema=False)


@router.get("/")
async def page() -> Response:
    """Give the dashboard's page."""
    return _file(FOLDER / "index.html")


@router.get("/dashboard/library/{name}")
async def library(name: str) -> Response:
    """Give the chart library's minified file, as its package has it."""
    if name not in LIBRARY:
        raise RequestError(f"There is no {name}.", hint=f"There are {', '.join(LIBRARY)}.", status=404)
    return _file(_library_folder() / name)


@router.get("/dashboard/{name}")
async def asset(name: str) -> Response:
    """Give one of the page's own files."""
    if name not in _ours():
        raise RequestError(f"The dashboard has no {name}.", hint="Open / in a browser.", status=404)
    return _file(FOLDER / name)


def _file(path: Path) -> Response:
    return FileResponse(path, media_type=MEDIA_TYPES[path.suffix], headers=HEADERS)


@cache
def _ours() -> frozenset[str]:
    return frozenset(path.name for path in FOLDER.iterdir() if path.suffix in MEDIA_TYPES)


@cache
def _library_folder() -> Path:
    """Find the package without importing it: only its files are needed."""
    spec = find_spec("bokeh")
    if spec is None or not spec.submodule_search_locations:
        raise RequestError(
            "The chart library is not installed.", hint="pip install -r requirements.txt", status=503
        )
    return Path(spec.submodule_search_locations[0]) / "server" / "static" / "js"
