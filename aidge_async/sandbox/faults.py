"""
The rules of faults in force: which call each looks at, which it strikes, and how often so far.

How a rule is written stands in `fault_reading.py`, what comes of a strike in `mischief.py`.

| kind | fields, besides *calls*, *probability* or *nth* or *next*, *seed* | processed |
|---|---|---|
| `drop_before_reading` | | no |
| `accept_then_drop` | `how`: reset (default), close | yes |
| `reset_at`, `close_at` | `at`: byte of the answer, head included (0) | yes |
| `delay` | `seconds`; `before`: before the work instead of after it (false) | yes |
| `stall` | `seconds` until the connection is closed (300) | yes |
| `drip` | `interval` seconds a byte (0.01) | yes |
| `wrong_length` | `missing` bytes (100) | yes |
| `clock` | `offset` seconds; leaves the call to other rules | yes |
| `status` | `status`; `body`: json, html, xml; `message`, `retry_after`, `retry_after_date` | `accept` (no) |
| `business_code` | `code`; `message`, `status` (200), `retry_after`, `retry_after_date` | `accept` (no) |
| `gateway_code` | the same; `type`: ISV (default), ISP, SYSTEM | `accept` (no) |
| `redirect` | `status` (302), `location` | `accept` (no) |
| `html` | | `accept` (no) |
| `unknown_task` | queries only | `accept` (no) |
| `expired_link` | objects only | `accept` (no) |
| `truncated` | `at`: bytes of the content that are left (half) | yes |
| `garbage`, `bad_gzip` | `size` bytes (200) | yes |
| `empty` | | yes |
| `wrong_content_type` | `content_type` (text/html) | yes |
| `no_task_id` | submits only | yes |
| `unknown_status` | `word`; queries only | yes |
| `finished_without_images` | queries only | yes |

Every rule looks at each call that it is about, and counts it. Of those that want to strike, the first one given does;
a rule for the *next* n calls that was passed over still has them to come.
"""

import json
import random
import threading
from collections.abc import Iterable

import attrs

from aidge_async.sandbox.calls import CallKind
from aidge_async.sandbox.fault_reading import Wish, read_wishes
from aidge_async.sandbox.fault_rules import Fault
from aidge_async.sandbox.fault_wires import Clock


@attrs.define(kw_only=True)
class Installed:
    """
    A rule in force.

    Args:
        salt: Keeps the chance of two rules apart that were given the same seed.
        looked_at: Calls that it was about.
        struck: Calls that it struck.
    """

    fault: Fault
    salt: str
    looked_at: int = 0
    struck: int = 0
    _chance: random.Random = attrs.field(init=False, repr=False)

    def __attrs_post_init__(self) -> None:
        """Begin the rule's own series of chances."""
        self._chance = random.Random(self.salt)  # noqa: S311  a scenario to be repeated, nothing to be kept secret

    def wants(self) -> bool:
        """Look at the next call, and tell whether to strike it."""
        self.looked_at += 1
        if self.fault.probability is not None:
            return self._chance.random() < self.fault.probability
        if self.fault.nth is not None:
            return self.looked_at == self.fault.nth
        return self.fault.next is None or self.struck < self.fault.next

    def strike(self) -> str:
        """Count a strike, and return the seed of the chance that is its own."""
        self.struck += 1
        return f"{self.salt}/{self.struck}"

    def as_json(self) -> dict[str, object]:
        """Return the rule and its counts as the control plane shows them."""
        return {"rule": self.fault.as_json(), "looked_at": self.looked_at, "struck": self.struck}


@attrs.frozen(kw_only=True)
class Fate:
    """
    What becomes of one call.

    Args:
        fault: What strikes it; `None` where nothing does.
        seed: Of the chance that is this strike's own.
        clock_offset: Seconds by which the gateway's clock is off for it.
    """

    fault: Fault | None
    seed: str
    clock_offset: float


class Faults:
    """
    The rules in force, in the order given.

    Rules may be added and cleared from any thread; calls are looked at on the server's.
    """

    def __init__(self, wishes: Iterable[Wish] = ()) -> None:
        self._first = read_wishes(wishes)
        self._installed: tuple[Installed, ...] = ()
        self._lock = threading.Lock()
        self.restart()

    def __repr__(self) -> str:
        return f"<Faults {', '.join(f'{rule.fault.kind} {rule.struck}/{rule.looked_at}' for rule in self._installed)}>"

    def add(self, *wishes: Wish) -> None:
        """
        Put rules in force, behind those that are.

        Args:
            wishes: Each a `Fault`, a mapping as the control plane takes it, or a line as the command line takes it.

        Raises:
            SandboxError: One cannot be; none of them is in force.
        """
        self._install(read_wishes(wishes))

    def clear(self) -> None:
        """Take all rules out of force."""
        self._installed = ()

    def list(self) -> tuple[Installed, ...]:
        """Return the rules in force with their counts."""
        return self._installed

    def restart(self) -> None:
        """Go back to the rules of the start, uncounted."""
        self.clear()
        self._install(self._first)

    def decide(self, kind: CallKind, path: str) -> Fate:
        """Let every rule look at a call that has arrived, and return what becomes of it."""
        chosen: Installed | None = None
        clock_offset = 0.0
        for rule in self._installed:
            if not rule.fault.is_about(kind, path) or not rule.wants():
                continue
            if isinstance(rule.fault, Clock):
                rule.strike()
                clock_offset += rule.fault.offset
            elif chosen is None:
                chosen = rule
        if chosen is None:
            return Fate(fault=None, seed="", clock_offset=clock_offset)
        return Fate(fault=chosen.fault, seed=chosen.strike(), clock_offset=clock_offset)

    def _install(self, faults: Iterable[Fault]) -> None:
        with self._lock:
            for fault in faults:
                twins = sum(rule.fault == fault for rule in self._installed)
                salt = f"{json.dumps(fault.as_json(), sort_keys=True)}/{twins}"
                self._installed = (*self._installed, Installed(fault=fault, salt=salt))
