"""Reading entries of a zip within bounds of their number, size and compression: no zip bomb is unpacked."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Mapping

from core.errors import ArtefactError
from core.plain_words import plain_reason

ENTRIES_MAX = 64
SIGNATURES_MAX = 1024  # entries of a zip that lies inside, uncompressed, count too
RATIO_MAX = 200
CENTRAL_ENTRY = b"PK\x01\x02"
UNREADABLE = (
    zipfile.BadZipFile,
    zlib.error,
    ValueError,
    KeyError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
)


def read_entries(body: bytes, bytes_max: Mapping[str, int], *, hint: str) -> Mapping[str, bytes]:
    """Unpack some entries of a zip.

    Parameters
    ----------
    bytes_max : mapping of str to int
        The entries to read, each with the bytes it may have unpacked.

    Returns
    -------
    mapping of str to bytes
        Each of them.

    Raises
    ------
    ArtefactError
        When it is no zip, an entry is missing, encrypted or listed twice, or a bound is passed.
    """
    listed = body.count(CENTRAL_ENTRY)
    if listed > SIGNATURES_MAX:
        raise ArtefactError(f"The zip lists {listed} entries, {SIGNATURES_MAX} are allowed.", hint=hint)
    try:
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            entries = archive.infolist()
            if len(entries) > ENTRIES_MAX:
                raise ArtefactError(f"The zip has {len(entries)} entries, {ENTRIES_MAX} are allowed.", hint=hint)
            return {name: _read(archive, entries, name, most, hint) for name, most in bytes_max.items()}
    except UNREADABLE as error:
        raise ArtefactError(f"The zip cannot be read: {plain_reason(error)}.", hint=hint) from error


def _read(
    archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo], name: str, bytes_max: int, hint: str
) -> bytes:
    found = [entry for entry in entries if entry.filename == name]
    if len(found) != 1:
        raise ArtefactError(f"The zip has {len(found)} entries {name}, one is needed.", hint=hint)
    size, packed = found[0].file_size, found[0].compress_size
    if size > bytes_max or size > RATIO_MAX * max(1, packed):
        raise ArtefactError(
            f"The zip's {name} unpacks from {packed} to {size} bytes; {bytes_max}, and {RATIO_MAX} times "
            "its packed size, are allowed.",
            hint=hint,
        )
    with archive.open(found[0]) as entry:
        return entry.read(size)
