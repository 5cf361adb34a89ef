"""Taxes: realised gains by tax lot, and Form 8949."""

from __future__ import annotations

import csv
import io
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response

from api.dependencies import Now, ServiceDependency
from api.openapi import problems
from api.schemas.base import Data
from api.schemas.taxes import TaxesAnswer
from config.taxes import TaxSettings
from core.form_8949 import form_8949
from core.service import Service
from core.tax_lots import ALL_FILLS, LotTracker, tracked_lots
from core.times import market_date

Year = Annotated[int | None, Query(ge=1990, le=2200, description="Of the sales; default: this year.")]
CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "Form 8949's lines."}
}
router = APIRouter(tags=["taxes"])


def tracked(request: Request, service: Service) -> tuple[LotTracker, list[str]]:
    """Return the lots of all that is booked, as the settings choose them, and what they name in vain."""
    settings: TaxSettings = getattr(request.app.state, "taxes", TaxSettings())
    fills = service.ledger.fills(ALL_FILLS)
    unknown = settings.unknown_fills({fill.fill_id for fill in fills})
    notes = [
        f"taxes.specific_lots names {name}, which is no fill of the ledger: it has no effect." for name in unknown
    ]
    return tracked_lots(fills, settings.pick_lots), notes


@router.get("/taxes", responses=problems(422, 503))
def taxes(request: Request, service: ServiceDependency, now: Now, year: Year = None) -> TaxesAnswer:
    """Give a year's realised gains, short and long term, the lots left, and losses that buying back disallows."""
    today = market_date(now)
    lots, notes = tracked(request, service)
    return TaxesAnswer.of_year(year or today.year, lots, today, Data.of_now(service), notes)


@router.get("/taxes/8949.csv", response_class=Response, responses={**CSV, **problems(422, 503)})
def lines_of_form_8949(request: Request, service: ServiceDependency, now: Now, year: Year = None) -> Response:
    """Give a year's sales as the lines of Form 8949, as CSV; no tax advice."""
    chosen, text = year or market_date(now).year, io.StringIO()
    csv.writer(text).writerows(form_8949(tracked(request, service)[0].sales, chosen))
    headers = {"content-disposition": f'attachment; filename="form8949-{chosen}.csv"'}
    return Response(text.getvalue(), media_type="text/csv", headers=headers)
