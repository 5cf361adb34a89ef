"""Static files of our pages and of installed packages, each page under a content policy of its own."""

from __future__ import annotations

from functools import cache
from importlib.util import find_spec
from pathlib import Path

from fastapi.responses import FileResponse, Response

from core.errors import RequestError

MEDIA_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def static_file(path: Path, policy: str) -> Response:
    """Return a file under a content policy; browsers ask each time whether it has changed."""
    headers = {"Content-Security-Policy": policy, "Cache-Control": "no-cache"}
    return FileResponse(path, media_type=MEDIA_TYPES[path.suffix], headers=headers)


@cache
def file_names(folder: Path) -> frozenset[str]:
    """Return the names of a folder's files that may be served."""
    return frozenset(path.name for path in folder.iterdir() if path.suffix in MEDIA_TYPES)


@cache
def package_folder(package: str, *parts: str) -> Path:
    """Return a folder inside an installed package, found without importing it: only its files are needed.

    Raises
    ------
    RequestError
        Status 503 when the package is not installed.
    """
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise RequestError(f"{package} is not installed.", hint="pip install -r requirements.txt", status=503)
    return Path(spec.submodule_search_locations[0]).joinpath(*parts)
