"""R5: a buying process is killed again and again while the gateway breaks answers: the journal keeps its promise."""

from pathlib import Path
from typing import Any, Final

from tests.crash.conftest import quick_pictures
from tests.crash.test_kill import ITEMS, KILLS_A_SEED, LOSSY, story
from tests.matrix.scoring import Score

__all__ = ["quick_pictures"]

# One submit in ten loses its answer, and one in fifty each of these ways; three queries in ten are broken.
BROKEN: Final[tuple[dict[str, Any], ...]] = (
    {"kind": "drop_before_reading"},
    {"kind": "close_at", "at": 9},
    {"kind": "truncated"},
    {"kind": "bad_gzip"},
    {"kind": "wrong_length"},
    {"kind": "status", "status": 502, "body": "html"},
    {"kind": "empty"},
)
FAULTS: Final[list[dict[str, Any]]] = [
    *({"calls": "submit", "probability": 0.02, **fault} for fault in BROKEN),
    *({"calls": "query", "probability": 0.045, **fault} for fault in BROKEN),
    *LOSSY,
]


def test_R05_kill(score: Score, full: bool, tmp_path: Path) -> None:
    """After each batch the books agree: nothing sold twice, nothing sold is lost, all else is saved."""
    for seed in range(75, 75 + (10 if full else 1)):
        folder = tmp_path / f"{seed}"
        folder.mkdir()
        seen = story(folder, seed, FAULTS)  # looks at the books after each batch, and fails where they do not agree
        score(
            f"kill -9 {seen['kills']} times under {seen['batches']} batches of {ITEMS}, {len(FAULTS)} faults on, "
            f"seed {seed}",
            f"{seen['sold']} sold once; {seen['in_doubt']} in doubt, {seen['in_doubt_and_sold']} of them sold",
            "books agree: 0 twice, 0 lost, all else saved",
            seen["kills"] == KILLS_A_SEED
            and seen["sold"] + seen["in_doubt"] - seen["in_doubt_and_sold"] == ITEMS * seen["batches"],
        )
