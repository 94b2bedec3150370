"""Uploads photos to a server, many at once, and prints how often each status was answered; a process of its own."""

import json
import sys
from collections import Counter

import anyio
import httpx

from tests.conftest import draw_photo

MODEL = {"model": "universal_model_1", "count": "1", "dimension": "512"}


def photo_of(number: int, more_bytes: int = 0) -> bytes:
    """Return a photo whose bytes are no other's; what follows a JPEG's end is ignored."""
    return draw_photo() + b"\0" * more_bytes + number.to_bytes(4, "big")


async def _upload(url: str, count: int, more_bytes: int) -> Counter[int]:
    answers: Counter[int] = Counter()
    limits = httpx.Limits(max_connections=count)
    whole = photo_of(0, more_bytes)[:-4]
    async with httpx.AsyncClient(trust_env=False, timeout=250, limits=limits, base_url=url) as http:

        async def upload(number: int) -> None:
            files = {"image": ("a.jpg", whole + number.to_bytes(4, "big"))}
            answer = await http.post("tasks", files=files, data=MODEL)
            answers[answer.status_code] += 1
            assert answer.status_code != 429 or int(answer.headers["retry-after"]) > 0

        async with anyio.create_task_group() as uploads:
            for number in range(count):
                uploads.start_soon(upload, number)
    return answers


if __name__ == "__main__":
    print(json.dumps(anyio.run(_upload, sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))))  # noqa: T201  read by a test
