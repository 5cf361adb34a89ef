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
from core.form_8949 import form_8949
from core.lots import first_in_first_out
from core.service import Service
from core.tax_lots import ALL_FILLS, LotTracker, tracked_lots
from core.times import market_date

Year = Annotated[int | None, Query(ge=1990, le=2200, description="Of the sales; default: this year.")]
CSV: dict[int | str, dict[str, Any]] = {
    200: {"content": {"text/csv": {"schema": {"type": "string"}}}, "description": "Form 8949's lines."}
}
router = APIRouter(tags=["taxes"])


def tracked(request: Request, service: Service) -> LotTracker:
    """Return the lots of all that the ledger has booked, as the settings choose them."""
    pick = getattr(request.app.state, "pick_lots", first_in_first_out)
    return tracked_lots(service.ledger.fills(ALL_FILLS), pick)


@router.get("/taxes", responses=problems(422, 503))
def taxes(request: Request, service: ServiceDependency, now: Now, year: Year = None) -> TaxesAnswer:
    """Give a year's realised gains, short and long term, the lots left, and losses that buying back disallows."""
    today = market_date(now)
    return TaxesAnswer.of_year(year or today.year, tracked(request, service), today, Data.of_now(service))


@router.get("/taxes/8949.csv", response_class=Response, responses={**CSV, **problems(422, 503)})
def lines_of_form_8949(request: Request, service: ServiceDependency, now: Now, year: Year = None) -> Response:
    """Give a year's sales as the lines of Form 8949, as CSV; no tax advice."""
    chosen, text = year or market_date(now).year, io.StringIO()
    csv.writer(text).writerows(form_8949(tracked(request, service).sales, chosen))
    headers = {"content-disposition": f'attachment; filename="form8949-{chosen}.csv"'}
    return Response(text.getvalue(), media_type="text/csv", headers=headers)
