"""What the gateway decodes is what was handed over, to the byte, at every edge of a piece of the encoding."""

import hashlib
import json

import pytest

from aidge_async import Limits, ModelAlternation, WireFormat
from aidge_async._core.call import CHUNK_BYTES, Content
from aidge_async.sandbox.server import running_sandbox
from aidge_async.sandbox.settings import SandboxSettings
from tests.support import client_of, read_json

EDGES = [pieces * CHUNK_BYTES + off for pieces in (1, 2, 3, 7) for off in range(-3, 4)]


def fingerprint(image: bytes) -> str:
    """Return what the sandbox's ledger must say of *image*, by the rule its documentation gives, by hand."""
    wish = {
        "age": None,
        "bgStyle": None,
        "count": 2,
        "dimension": 768,
        "gender": None,
        "image": f"sha256:{hashlib.sha256(image).hexdigest()}",
        "imageStyle": "realPhoto",
        "maskKeepbg": True,
        "model": "universal_model_1",
    }
    return hashlib.sha256(json.dumps(wish, separators=(",", ":"), sort_keys=True).encode()).hexdigest()


@pytest.mark.parametrize(
    ("wire_format", "model"), [(WireFormat.DOCUMENTED, "universal_model_1"), (WireFormat.FLAT, "WHITE")]
)
@pytest.mark.slow
async def test_gateway_decodes_what_was_handed_over(photo: bytes, wire_format: WireFormat, model: str) -> None:
    """In JSON text nested in JSON and in flat JSON, three bytes around each edge; what pads it is no plain zero."""
    assert len(photo) < min(EDGES)
    noise = hashlib.shake_128(b"made up").digest(max(EDGES))
    images = [photo + noise[len(photo) : size] for size in EDGES] + [photo, photo + b"\0", photo + b"\0\0"]
    limits = Limits(submit_rate=None)
    with running_sandbox(SandboxSettings(duration=0.001, submit_shape=wire_format.value)) as sandbox:
        async with client_of(sandbox, wire_format=wire_format, limits=limits) as aidge:
            for image in images:
                await aidge.submit(ModelAlternation(image=image, model=model))
        ledger = (await read_json(f"{sandbox.url}/_sandbox/ledger"))["accepted"]
    assert [entry["fingerprint"] for entry in ledger] == [fingerprint(image) for image in images]


@pytest.mark.parametrize("size", [0, 1, 2, 3, CHUNK_BYTES, 2 * CHUNK_BYTES + 1])
def test_length_is_told_before_it_is_sent(size: int) -> None:
    """The announced length is what the pieces add up to, and no piece is longer than its share."""
    content = Content(b"[", bytes(size), b"]")
    pieces = list(content.chunks())
    assert content.size_bytes == sum(map(len, pieces))
    assert max(map(len, pieces)) <= CHUNK_BYTES // 3 * 4
