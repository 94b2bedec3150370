"""What the tests of faults share: a sandbox on a socket with somebody who calls it."""

import attrs

from aidge_async.sandbox.server import RunningSandbox
from tests.sandbox.raw_peer import Peer, query, submit

PICTURE = bytes(range(256)) * 12


@attrs.frozen
class Scene:
    """A running sandbox and somebody who calls it."""

    running: RunningSandbox
    peer: Peer

    def fault(self, *wishes: str) -> None:
        """Put these faults in force, and no others."""
        self.running.world.faults.clear()
        self.running.world.faults.add(*wishes)

    @property
    def accepted(self) -> int:
        """How many submits the ledger has."""
        return len(self.running.world.ledger())

    @property
    def received(self) -> dict[str, int]:
        """How many calls of each kind were read to their end."""
        counts = self.running.world.statistics()["received"]
        assert isinstance(counts, dict)
        return counts

    def link(self) -> str:
        """Return the link to one picture of a finished task; no fault may be in force yet."""
        task_id = submit(self.peer, count=1).json()["data"]["result"]["taskId"]
        return str(query(self.peer, task_id).json()["data"]["taskResult"][0]["url"])

    def struck(self) -> int:
        """Return how many calls all rules have struck."""
        return sum(rule.struck for rule in self.running.world.faults.list())


def peer_of(running: RunningSandbox) -> Peer:
    """Return somebody who knows the sandbox's URL and key."""
    return Peer(url=running.url, key_name=running.key_name, key_secret=running.key_secret)
