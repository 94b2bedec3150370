"""
`aidge-async doctor`: what is set, what can be reached, and whether the gateway takes our signature.

What it prints can be pasted into a bug report: no secret and no signed link is in it.
"""

import os
import sys
from pathlib import Path
from typing import Annotated, Final

import anyio
from cyclopts import Parameter

from aidge_async.cli import checkup
from aidge_async.cli.checkup import Finding
from aidge_async.cli.exits import Exit, UsageError, gravest
from aidge_async.cli.options import Account, Debug
from aidge_async.cli.output import one_line, write_result
from aidge_async.config import Settings, read_settings

_ACCOUNT: Final = Account()
_MODELS: Final = {"documented": "universal_model_1", "flat": "WHITE"}


def doctor(
    *,
    spend: Annotated[
        Path | None,
        Parameter(name="--spend", help="Submit this photo once, to learn the dialect. One picture may be billed."),
    ] = None,
    yes: Annotated[bool, Parameter(negative=(), show_default=False, help="Spend without being asked.")] = False,
    account: Annotated[Account, Parameter(name="*")] = _ACCOUNT,
    debug: Debug = False,  # noqa: ARG001  read by the boundary in `app.py`
) -> Exit:
    """
    Check settings, network, clock and signature. Free of charge without --spend.

    The signature is proven by asking after a task that does not exist.
    """
    settings = read_settings(
        os.environ,
        key_name=account.key_name,
        region=account.region,
        trial=account.trial,
        base_url=account.base_url,
        wire_format=account.wire_format,
    )
    photo = None if spend is None else _photo(spend, settings, asked=yes)
    return anyio.run(_examine, settings, photo)


async def _examine(settings: Settings, photo: bytes | None) -> Exit:
    codes = [_show(checkup.installed()), *map(_show, checkup.in_force(settings))]
    reached = True
    async for finding in checkup.network(settings):
        codes.append(_show(finding))
        reached = reached and finding.mark != "bad"
    if reached:
        codes.append(_show(await checkup.signature(settings)))
        if photo is not None and gravest(codes) is Exit.GOOD:
            codes.append(_show(await checkup.dialect(settings, photo, _MODELS[settings.wire_format.value])))
    return gravest(codes)


def _show(finding: Finding) -> Exit:
    write_result(f"{finding.mark:<5} {finding.name:<12} {one_line(finding.text)}")
    return finding.code


def _photo(path: Path, settings: Settings, *, asked: bool) -> bytes:
    """
    Return the photo to spend on, once its buyer has agreed.

    Raises:
        UsageError: It cannot be read, or nobody agreed.
    """
    try:
        content = path.read_bytes()
    except OSError as exc:
        raise UsageError(f"'{path}' cannot be read ({exc.strerror}); name a photo of clothing on a person") from None
    if asked:
        return content
    source = "the trial quota" if settings.trial else "the account"
    shape = settings.wire_format.value
    told = f"This submits '{path.name}' in the {shape} dialect; one picture may be billed to {source}."
    if not sys.stdin.isatty():
        raise UsageError(f"{told[:-1]}: agree with --yes")
    print(told, "Type 'yes' to go on: ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline().strip().lower() != "yes":
        raise UsageError("nothing was submitted; leave --spend out for the checks that cost nothing")
    return content
