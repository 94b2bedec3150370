"""
Counts what came and what was answered, per API path and over all.

Numbers only; which calls count, and when, is decided in `app.py`: at the arrival of the request's head.
"""

from collections import Counter
from typing import Final

from aidge_async.sandbox.limits import SlidingSecond

_MOST_PATHS: Final = 100  # whoever probes for paths must not fill the memory
_OTHER: Final = "(other)"


class ApiTally:
    """The counts of one API path."""

    __slots__ = ("arrivals", "calls", "codes")

    def __init__(self) -> None:
        self.calls = 0
        self.codes: Counter[str] = Counter()
        self.arrivals = SlidingSecond()

    def as_json(self) -> dict[str, object]:
        """Return the counts as the control plane shows them."""
        return {"calls": self.calls, "codes": dict(self.codes), "most_in_a_second": self.arrivals.most}


class Tally:
    """The counts of all API paths."""

    def __init__(self) -> None:
        self._apis: dict[str, ApiTally] = {}
        self._arrivals = SlidingSecond()

    def arrive(self, path: str, now: float) -> None:
        """Count a call whose head has arrived."""
        api = self._api(path)
        api.calls += 1
        api.arrivals.add(now)
        self._arrivals.add(now)

    def answer(self, path: str, code: str) -> None:
        """Count the code that a call was answered with."""
        self._api(path).codes[code] += 1

    def as_json(self) -> dict[str, object]:
        """Return the counts as the control plane shows them."""
        return {
            "most_in_a_second": self._arrivals.most,
            "apis": {path: api.as_json() for path, api in self._apis.items()},
        }

    def _api(self, path: str) -> ApiTally:
        api = self._apis.get(path)
        if api is None:
            if len(self._apis) >= _MOST_PATHS:
                path = _OTHER
            api = self._apis.setdefault(path, ApiTally())
        return api
