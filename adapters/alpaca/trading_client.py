"""Alpaca's trading API through alpaca-py: reads are asked again, a POST never is, faults become ours here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, TypeVar

import requests
import tenacity

from adapters.alpaca.http import limit_time, quiet_import
from core.errors import BrokerError
from core.plain_words import plain_reason, plain_text

if TYPE_CHECKING:
    from alpaca.trading.client import TradingClient

Result = TypeVar("Result")
JsonObject = dict[str, Any]
JsonObjects = list[JsonObject]
NOT_FOUND = 404
TOO_MANY = 429
PAGE_SIZE = 100
ORDERS_A_PAGE = 500
PAGES_MAX = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long the broker is asked before the answer is that it cannot be asked.

    Attributes
    ----------
    timeout_seconds : float
        For one request.
    attempts : int
        Of one read, the first included.
    wait_seconds_first, wait_seconds_max : float
        Between attempts, doubling and with jitter; a `Retry-After` is honoured up to the maximum.
    """

    timeout_seconds: float = 10.0
    attempts: int = 5
    wait_seconds_first: float = 0.25
    wait_seconds_max: float = 15.0


class RequestRefused(Exception):  # a value for the one who asked, not a fault of ours
    """Alpaca answered no: the request was read and nothing was done.

    Attributes
    ----------
    status : int
        HTTP's.
    code : int
        Alpaca's own, such as 40310000; 0 when it gave none.
    """

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(f"{message} ({code or status})")
        self.status, self.code, self.message = status, code, message


class Unanswered(BrokerError):
    """No answer, or one that does not say whether the request was done."""

    def __init__(self, message: str, *, retry_after_seconds: float = 0.0, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.retry_after_seconds = retry_after_seconds


class AlpacaApi:
    """Asks Alpaca, in raw JSON: numbers stay the decimal strings they come as.

    Parameters
    ----------
    client : TradingClient
        As `connect` makes it.
    """

    def __init__(self, client: TradingClient, patience: Patience | None = None) -> None:
        self._client = client
        self._patience = patience or Patience()

    def account(self) -> JsonObject:
        """Give cash, buying power and what blocks the account."""
        return self._read(dict, lambda: self._client.get("/account"))

    def clock(self) -> JsonObject:
        """Give Alpaca's time, and whether it takes the exchange to be open."""
        return self._read(dict, lambda: self._client.get("/clock"))

    def positions(self) -> JsonObjects:
        """Give all positions."""
        return self._read(list, lambda: self._client.get("/positions"))

    def asset(self, symbol: str) -> JsonObject | None:
        """Give an asset; None when Alpaca does not know it."""
        return self._found(lambda: self._client.get(f"/assets/{symbol}"))

    def open_orders(self) -> JsonObjects:
        """Give all open orders with the legs of each, oldest first."""
        return self._orders(status="open")

    def orders_since(self, after: str) -> JsonObjects:
        """Give all orders sent after a moment (ISO 8601), ended or not, with the legs of each, oldest first."""
        return self._orders(status="all", after=after)

    def _orders(self, **asked: str) -> JsonObjects:
        out: dict[str, JsonObject] = {}
        query: dict[str, Any] = {"nested": "true", "direction": "asc", "limit": ORDERS_A_PAGE, **asked}
        for _ in range(PAGES_MAX):
            page: JsonObjects = self._read(list, lambda: self._client.get("/orders", query))
            _take_page(out, page, ORDERS_A_PAGE)
            if len(page) < ORDERS_A_PAGE:
                return list(out.values())
            last = datetime.fromisoformat(page[-1].get("submitted_at") or page[-1]["created_at"])
            query["after"] = (last - timedelta(microseconds=1)).isoformat()  # others may be of the same moment
        raise BrokerError(f"Alpaca lists more than {PAGES_MAX * ORDERS_A_PAGE} orders.")

    def order(self, client_order_id: str) -> JsonObject | None:
        """Give an order by our name; None when Alpaca has none of it."""
        query = {"client_order_id": client_order_id}
        return self._found(lambda: _named(self._client.get("/orders:by_client_order_id", query)))

    def order_by_id(self, order_id: str) -> JsonObject | None:
        """Give an order with its legs by Alpaca's own name."""
        return self._found(lambda: _named(self._client.get(f"/orders/{order_id}", {"nested": "true"})))

    def activities(self, after: str) -> JsonObjects:
        """Give account activities of every type after a moment (ISO 8601), in the order of their ids."""
        out: dict[str, JsonObject] = {}  # pages may overlap
        query = {"after": after, "direction": "asc", "page_size": PAGE_SIZE}
        for _ in range(PAGES_MAX):
            page: JsonObjects = self._read(list, lambda: self._client.get("/account/activities", query))
            _take_page(out, page, PAGE_SIZE)
            if len(page) < PAGE_SIZE:
                return list(out.values())
            query["page_token"] = page[-1]["id"]
        raise BrokerError(f"Alpaca lists more than {PAGES_MAX * PAGE_SIZE} activities since {after}.")

    def post_order(self, body: JsonObject) -> JsonObject:
        """Send an order, once.

        Raises
        ------
        RequestRefused
            Alpaca did not take it.
        Unanswered
            It may have arrived or not: ask for its name.
        """
        return _named(_translating(lambda: self._client.post("/orders", body)))

    def delete_order(self, order_id: str) -> None:
        """Ask for an order's cancellation; one that has ended already stays as it is."""
        try:
            self._retrying(lambda: _translating(lambda: self._client.delete(f"/orders/{order_id}")))
        except RequestRefused as refused:
            if refused.status not in (NOT_FOUND, 422):
                raise BrokerError(f"Alpaca does not cancel the order: {refused}.") from refused

    def _found(self, ask: Callable[[], Any]) -> JsonObject | None:
        try:
            return self._retrying(lambda: _shaped(dict, _translating(ask)))
        except RequestRefused as refused:
            if refused.status == NOT_FOUND:
                return None
            raise _unreadable(refused) from refused

    def _read(self, shape: type[Result], ask: Callable[[], Any]) -> Result:
        try:
            return self._retrying(lambda: _shaped(shape, _translating(ask)))
        except RequestRefused as refused:
            raise _unreadable(refused) from refused

    def _retrying(self, ask: Callable[[], Result]) -> Result:
        """Ask until there is an answer, with backoff and jitter, as long as the patience lasts."""
        patience = self._patience
        backoff = tenacity.wait_random_exponential(patience.wait_seconds_first, patience.wait_seconds_max)

        def wait(state: tenacity.RetryCallState) -> float:
            fault = state.outcome.exception() if state.outcome else None
            asked_for = fault.retry_after_seconds if isinstance(fault, Unanswered) else 0.0
            return min(max(backoff(state), asked_for), patience.wait_seconds_max)

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(Unanswered),
            stop=tenacity.stop_after_attempt(patience.attempts),
            wait=wait,
            reraise=True,
        )
        return retrying(ask)


def connect(
    key: str, secret: str, *, paper: bool, timeout_seconds: float, url_override: str | None = None
) -> TradingClient:
    """Make the trading client, without its own retries: they would send a POST again on 429 and 504.

    Parameters
    ----------
    url_override : str or None
        Where the API is, for tests.
    """
    with quiet_import():  # heavy: imported at first use
        from alpaca.trading.client import TradingClient  # noqa: PLC0415

    client = TradingClient(key, secret, paper=paper, raw_data=True, url_override=url_override)
    client._retry = 0  # its constructor offers no such argument
    limit_time(client, timeout_seconds)
    return client


def _take_page(known: dict[str, JsonObject], page: JsonObjects, size: int) -> None:
    """Add a page's rows; a full one without anything new would be asked for without end."""
    before = len(known)
    known |= {_named(row)["id"]: row for row in page}
    if len(page) >= size and len(known) == before:
        raise BrokerError("Alpaca gives the same page of a list again: what follows it is not known.")


def _named(row: Any) -> JsonObject:
    """Return an order or activity that says which it is: without its name it would be taken for another."""
    names = ("id", "order_id", "symbol") if _is_fill(row) else ("id",)
    if not isinstance(row, dict) or not all(isinstance(row.get(name), str) and row[name] for name in names):
        raise Unanswered("Alpaca's answer cannot be read: what it lists has no name.")
    return row


def _is_fill(row: Any) -> bool:
    return isinstance(row, dict) and row.get("activity_type") == "FILL"


def _translating(ask: Callable[[], Any]) -> Any:
    """Ask once; the one place where the vendor's exceptions become ours."""
    from alpaca.common.exceptions import APIError  # noqa: PLC0415  # heavy: imported at first use

    try:
        return ask()
    except APIError as error:
        raise _translated(error) from error
    except requests.RequestException as error:
        raise Unanswered(f"Alpaca can't be reached: {plain_reason(error)}.", hint="Check the network.") from error
    except ValueError as error:  # a body that is no JSON
        raise Unanswered(f"Alpaca's answer cannot be read: {plain_reason(error)}.") from error


def _shaped(shape: type[Result], answer: Any) -> Result:
    if not isinstance(answer, shape):
        raise Unanswered(f"Alpaca answered with {type(answer).__name__}, not with {shape.__name__}.")
    return answer


def _translated(error: Any) -> Exception:
    status = error.status_code or 0
    try:
        code, message = int(error.code), str(error.message)
    except (ValueError, KeyError, TypeError):  # a body that is no JSON, or without these fields
        code, message = 0, str(error)
    message = plain_text(message).rstrip(".")
    if status == TOO_MANY or status >= 500:
        return Unanswered(f"Alpaca answered {status}: {message}.", retry_after_seconds=_retry_after(error))
    return RequestRefused(status, code, message)


def _retry_after(error: Any) -> float:
    value = error.response.headers.get("Retry-After", "") if error.response is not None else ""
    return float(value) if value.isascii() and value.isdigit() else 0.0


def _unreadable(refused: RequestRefused) -> BrokerError:
    hint = "Check ALPACA_API_KEY and ALPACA_SECRET_KEY." if refused.status in (401, 403) else ""
    return BrokerError(f"Alpaca refuses to answer: {refused}.", hint=hint)
