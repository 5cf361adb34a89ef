"""Figures for Prometheus, and how late the event loop wakes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

import msgspec
from fastapi import APIRouter, Request
from fastapi.responses import PlainTextResponse, Response

LAG_PAUSE_SECONDS = 0.5
router = APIRouter(tags=["daemon"])


class MetricsExporter(Protocol):
    """Where figures are kept; `adapters.metrics.Metrics` is one."""

    content_type: str

    def exposition(self, status: Mapping[str, Any], stream: Mapping[str, Any]) -> bytes:
        """Return all figures in Prometheus' text format."""
        ...

    def lag(self, seconds: float) -> None:
        """Note how much later than asked the event loop woke."""
        ...


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(request: Request) -> Response:
    """Give all figures in Prometheus' text format."""
    state = request.app.state
    body = state.metrics.exposition(msgspec.json.decode(state.service.status()), state.hub.stats())
    return Response(body, headers={"content-type": state.metrics.content_type})


async def sample_lag(exporter: MetricsExporter) -> None:
    """Measure, for ever, how much later than asked the event loop wakes."""
    loop = asyncio.get_running_loop()
    while True:
        due = loop.time() + LAG_PAUSE_SECONDS
        await asyncio.sleep(LAG_PAUSE_SECONDS)
        exporter.lag(max(0.0, loop.time() - due))
