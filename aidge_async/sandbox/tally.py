"""
Counts what came and what was answered, per API path and over all.

Numbers only; which calls count, and when, is decided in `mischief.py`: at the arrival of the request's head, and again
when its content has been read to the end. What it was answered with is what the gateway decided, fault or no fault.
"""

from collections import Counter
from typing import Final

from aidge_async.sandbox.calls import CALL_KINDS
from aidge_async.sandbox.limits import SlidingSecond

_MOST_PATHS: Final = 100  # whoever probes for paths must not fill the memory
_OTHER: Final = "(other)"


class ApiTally:
    """The counts of one API path."""

    __slots__ = ("arrivals", "calls", "codes", "faults", "received")

    def __init__(self) -> None:
        self.calls = 0
        self.received = 0
        self.codes: Counter[str] = Counter()
        self.faults: Counter[str] = Counter()
        self.arrivals = SlidingSecond()

    def as_json(self) -> dict[str, object]:
        """Return the counts as the control plane shows them."""
        return {
            "calls": self.calls,
            "received": self.received,
            "codes": dict(self.codes),
            "faults": dict(self.faults),
            "most_in_a_second": self.arrivals.most,
        }


class Tally:
    """The counts of all API paths."""

    def __init__(self) -> None:
        self._apis: dict[str, ApiTally] = {}
        self._received: Counter[str] = Counter()
        self._arrivals = SlidingSecond()

    def arrive(self, path: str, now: float) -> None:
        """Count a call whose head has arrived."""
        api = self._api(path)
        api.calls += 1
        api.arrivals.add(now)
        self._arrivals.add(now)

    def receive(self, path: str, kind: str) -> None:
        """Count a call whose content has been read to its end; the pictures' paths are not kept apart."""
        self._received[kind] += 1
        if kind != "object":
            self._api(path).received += 1

    def strike(self, path: str, fault: str) -> None:
        """Count a call that a fault has struck."""
        self._api(path).faults[fault] += 1

    def answer(self, path: str, code: str) -> None:
        """Count the code that a call was answered with, or would have been."""
        self._api(path).codes[code] += 1

    def as_json(self) -> dict[str, object]:
        """Return the counts as the control plane shows them."""
        return {
            "most_in_a_second": self._arrivals.most,
            "received": {kind: self._received[kind] for kind in CALL_KINDS},
            "apis": {path: api.as_json() for path, api in self._apis.items()},
        }

    def _api(self, path: str) -> ApiTally:
        api = self._apis.get(path)
        if api is None:
            if len(self._apis) >= _MOST_PATHS:
                path = _OTHER
            api = self._apis.setdefault(path, ApiTally())
        return api
