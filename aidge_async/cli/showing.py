"""
Turns jobs and their records into rows of the sheet.

How a sheet looks is `sheet.py`'s matter.
"""

from pathlib import Path
from typing import Final

from aidge_async import ModelAlternation
from aidge_async.cli.jobs import Job
from aidge_async.cli.records import Record
from aidge_async.cli.sheet import Row

OUTCOMES: Final = {
    "succeeded": "succeeded",
    "not_submitted": "not submitted",
    "failed": "failed at the gateway",
    "unfinished": "accepted, unfinished",
    "in_doubt": "in doubt",
}


def row_of(job: Job, records: list[Record]) -> Row:
    """Return the sheet's row of one job."""
    trouble = next((record for record in records if record.error), None)
    source = job.request.image if job.request is not None else None
    return Row(
        title=Path(job.image).name if isinstance(source, Path) and job.image else job.image or "",
        before=source if isinstance(source, Path) else None,
        before_note="given as a URL, which the gateway fetches itself",
        facts={**_asked(job.request), **({"task": job.task_id} if job.task_id else {})},
        outcome=OUTCOMES[(trouble or records[-1]).outcome],
        pictures=[Path(record.path) for record in records if record.path],
        error=trouble.error if trouble else None,
    )


def _asked(request: ModelAlternation | None) -> dict[str, str]:
    if request is None:
        return {}
    background = request.background.value.replace("_", " ") if request.background else "kept"
    asked = {
        "model": request.model,
        "background": background,
        "gender": request.gender.value if request.gender else None,
        "age": request.age.value if request.age else None,
        "short side": f"{request.dimension} px" if request.dimension else None,
    }
    return {name: value for name, value in asked.items() if value is not None}
