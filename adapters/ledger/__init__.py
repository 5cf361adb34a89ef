"""The ledger: what was decided, sent and filled, for ever."""

from adapters.ledger.ledger import SqliteLedger

__all__ = ["SqliteLedger"]
