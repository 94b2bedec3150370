"""
`aidge-async sandbox`: a gateway to talk to without an account.

What it does is `aidge_async.sandbox`'s matter; here its flags become settings.
"""

import json
import sys
from collections.abc import Mapping
from typing import Annotated, Final, Literal

import attrs
from cyclopts import Parameter

from aidge_async.cli.exits import Exit, UsageError
from aidge_async.cli.extras import needs_sandbox
from aidge_async.cli.options import Debug
from aidge_async.cli.output import write_result
from aidge_async.sandbox import SandboxError, SandboxSettings

_DEFAULTS: Final = SandboxSettings()
_FAULT_HELP: Final = (
    "A fault to make, as CALLS:KIND,FIELD=VALUE...; may be repeated. For instance "
    "'submit:accept_then_drop,probability=0.2,seed=7' or 'query:status,status=502,next=3'."
)


def sandbox(
    *,
    host: Annotated[str, Parameter(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, Parameter(help="Port to listen on; 0 takes a free one.")] = 0,
    key_name: Annotated[str, Parameter(help="The made-up key it knows.")] = _DEFAULTS.key_name,
    key_secret: Annotated[
        str, Parameter(show_default=False, help="Its made-up secret; never a real one.")
    ] = _DEFAULTS.key_secret,
    seed: Annotated[int, Parameter(help="The same calls get the same answers again.")] = _DEFAULTS.seed,
    duration: Annotated[float, Parameter(help="Median seconds of a task.")] = _DEFAULTS.duration,
    spread: Annotated[float, Parameter(help="How far durations differ; 0: not at all.")] = _DEFAULTS.spread,
    failure_rate: Annotated[float, Parameter(help="Share of tasks that fail, 0 to 1.")] = _DEFAULTS.failure_rate,
    rate_limit: Annotated[int | None, Parameter(help="Calls a second of each API path.")] = None,
    total_rate_limit: Annotated[int | None, Parameter(help="Calls a second of all paths together.")] = None,
    quota: Annotated[int | None, Parameter(help="Pictures the account may still take.")] = None,
    trial_quota: Annotated[int | None, Parameter(help="The same on the trial quota.")] = None,
    submit_shape: Annotated[Literal["documented", "flat"], Parameter(help="The dialect it takes.")] = "documented",
    fault: Annotated[
        list[str] | None,
        Parameter(negative=(), show_default=False, help=_FAULT_HELP),
    ] = None,
    certfile: Annotated[str | None, Parameter(help="PEM file with a certificate, for https.")] = None,
    keyfile: Annotated[str | None, Parameter(help="PEM file with its key.")] = None,
    debug: Debug = False,  # noqa: ARG001  the boundary reads it
) -> Exit:
    """
    Run a gateway on this machine to try things on: it draws, it generates nothing, and nothing is paid.

    When it is ready it prints one JSON line: url, key_name, key_secret. Ctrl-C ends it. Limits left out are none.
    """
    with needs_sandbox():
        from aidge_async.sandbox.fault_reading import read_wishes
        from aidge_async.sandbox.server import serve
    for line in fault or ():
        try:
            read_wishes([line])
        except SandboxError as exc:
            raise UsageError(f"--fault {line}: {exc}") from None
    try:
        settings = SandboxSettings(
            key_name=key_name,
            key_secret=key_secret,
            seed=seed,
            duration=duration,
            spread=spread,
            failure_rate=failure_rate,
            rate_limit=rate_limit,
            total_rate_limit=total_rate_limit,
            quota=quota,
            trial_quota=trial_quota,
            submit_shape=submit_shape,
        )
        serve(
            settings, host=host, port=port, certfile=certfile, keyfile=keyfile, faults=fault or (), announce=_announce
        )
    except SandboxError as exc:
        raise UsageError(_as_typed(str(exc))) from None
    return Exit.GOOD


def _announce(facts: Mapping[str, str]) -> None:
    write_result(json.dumps(dict(facts)))
    if sys.stderr.isatty():
        print(_how_to_use(facts), file=sys.stderr)


def _how_to_use(facts: Mapping[str, str]) -> str:
    return (
        "\nThe sandbox is ready: it draws, it generates nothing, and nothing is paid. In another terminal:\n"
        f"  export AIDGE_BASE_URL={facts['url']}\n"
        f"  export AIDGE_ACCESS_KEY_NAME={facts['key_name']}\n"
        f"  export AIDGE_ACCESS_KEY_SECRET={facts['key_secret']}\n"
        "  aidge-async run photo.jpg --model universal_model_1 --out out\n"
        "Ctrl-C ends it."
    )


def _as_typed(message: str) -> str:
    for name in (*attrs.fields_dict(SandboxSettings), "certfile", "keyfile"):
        message = message.replace(f"'{name}'", f"--{name.replace('_', '-')}")
    return message
