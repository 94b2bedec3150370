"""R9: answers that are wrong on purpose: a typed error that names the field, bounded memory, nothing foreign."""

import json
import subprocess
import sys
from typing import Any, Final

from tests.io.loopback import raw_server
from tests.matrix.hostile import PLAIN, Hostile, mistyped, serve
from tests.matrix.scoring import Score
from tests.matrix.wire import LOOPS

MOST: Final = 64_000_000  # bytes


def met(cases: list[Hostile], loop: str) -> dict[str, Any]:
    """Let a client in a process of its own meet these cases, because the most memory ever used is a process's."""
    with raw_server(serve(cases)) as server:
        command = [sys.executable, "-m", "tests.matrix.hostile_client", server.url, loop, str(len(cases))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    return dict(json.loads(done.stdout))


def test_R09_hostile_answers(score: Score) -> None:
    """Every hostile answer, to a submit and to a query, on both loops, comes to what its row says and to no more."""
    cases = [*PLAIN, *mistyped()]
    for loop in LOOPS:
        found = met(cases, loop)
        pairs = list(zip(cases, found["outcomes"], strict=True))
        wrong = [
            f"{case.name}, {way}: {came['outcome']} instead of {must}"
            for case, came_to in pairs
            for way, must, came in zip(("submit", "query"), (case.submit, case.query), came_to, strict=True)
            if must not in {None, came["outcome"]}
        ]
        foreign = [came for _, came_to in pairs for came in came_to if came["outcome"].startswith("foreign")]
        nameless = [came for _, came_to in pairs for came in came_to if not came["is_named"]]
        score(
            f"{len(PLAIN)} kinds of bodies to submit and query, {loop}", wrong or "0 otherwise", "as listed", not wrong
        )
        tried = f"{2 * len(cases)} hostile answers, wrong types in every place among them, {loop}"
        score(tried, f"{foreign or 0} foreign errors", "0", not foreign)
        score("the errors of these", f"{nameless or 0} do not name what they are about", "0", not nameless)
        score("memory of these", f"+{found['grew'] / 1e6:.1f} MB", f"+{MOST / 1e6:.0f} MB", found["grew"] <= MOST)
