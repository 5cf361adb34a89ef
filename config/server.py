"""Where the daemon listens, and what a client may cost it."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from config.frozen import Frozen


class ServerSettings(Frozen):
    """Where the daemon listens, and what a client may cost it.

    Attributes
    ----------
    waiting_requests_max : int
        Requests that may wait for the engine at once; one more is answered 429.
    header_seconds_max, body_seconds_max : float
        How long a request's headers and its body may take to arrive; the latter also to be read from us.
    idle_seconds_max : int
        How long a connection may rest between requests.
    header_bytes_max : int
        Of a request's line and headers.
    body_chunks_max : int
        Parts in which a body may arrive.
    unfinished_connections_max : int
        Connections whose headers have not arrived; one more closes the oldest.
    wrong_tokens_max, wrong_tokens_seconds : int, float
        Wrong tokens of one address in so many seconds that are answered 401; the others are answered 429.
    stream_frames_max, stream_frames_seconds : int, float
        WebSocket frames that a client may send in so many seconds; one more closes its connection.
    """

    port: Annotated[int, Field(ge=1, le=65535)] = 8787
    waiting_requests_max: Annotated[int, Field(ge=1, le=1000)] = 32
    header_seconds_max: Annotated[float, Field(gt=0, le=300)] = 10.0
    body_seconds_max: Annotated[float, Field(gt=0, le=300)] = 10.0
    idle_seconds_max: Annotated[int, Field(ge=1, le=300)] = 5
    header_bytes_max: Annotated[int, Field(ge=4096, le=1_048_576)] = 32_768
    body_chunks_max: Annotated[int, Field(ge=16, le=65_536)] = 1024
    unfinished_connections_max: Annotated[int, Field(ge=8, le=10_000)] = 256
    wrong_tokens_max: Annotated[int, Field(ge=1, le=1000)] = 10
    wrong_tokens_seconds: Annotated[float, Field(ge=1, le=86_400)] = 60.0
    stream_frames_max: Annotated[int, Field(ge=16, le=100_000)] = 100
    stream_frames_seconds: Annotated[float, Field(gt=0, le=300)] = 10.0
