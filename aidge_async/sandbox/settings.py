"""
What the sandbox is told to be: its made-up key, its pace, its limits and its quota.

Values only, checked when they are made. No clock, no HTTP and no state comes in here.
"""

from collections.abc import Mapping
from typing import Any, Final, Literal, Self

import attrs

from aidge_async.sandbox.checks import SandboxError, number, refusal, text, whole, whole_number

DEFAULT_KEY_NAME: Final = "sandbox-512345"
DEFAULT_KEY_SECRET: Final = "made-up-secret-of-the-sandbox"  # noqa: S105  made up, and meant to be read

# The settings that `POST /_sandbox/settings` may change; the others are what a running sandbox *is*.
CHANGEABLE: Final = (
    "duration",
    "failure_rate",
    "quota",
    "rate_limit",
    "spread",
    "total_rate_limit",
    "trial_quota",
)


def _shape(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
    if value not in ("documented", "flat", None):
        raise refusal(attribute, "'documented', 'flat', or left out to take both", value)


@attrs.frozen(kw_only=True)
class SandboxSettings:
    """
    Describe a sandbox.

    Args:
        key_name: The only key that is known. The default is made up and looks it.
        key_secret: Its secret, made up as well. Never put a real one here.
        seed: Decides durations, failures, task ids and pictures: the same calls give the same answers again.
        duration: Median seconds from a submit to the end of its task. The default, 20, is normal for such models.
        spread: Sigma of the lognormal durations: 0 makes all equal; with 0.35 two in three lie between 0.70 and 1.42
            times *duration*.
        failure_rate: Share of the tasks that fail, from 0 to 1.
        rate_limit: Calls that one API path takes in any one second; `None` is no limit.
        total_rate_limit: Calls that all API paths together take in any one second; `None` is no limit.
        quota: Pictures that the account may still take; every submit draws its `count`. `None` is no limit.
        trial_quota: The same for calls with the trial flag.
        submit_shape: The dialect that submits must speak, as an account of the real gateway takes one of them; `None`
            takes both and answers each in its own.
        link_lifetime: Seconds for which a result link is valid. An hour: the gateway's own lifetime is not documented.
    """

    key_name: str = attrs.field(default=DEFAULT_KEY_NAME, validator=text)
    key_secret: str = attrs.field(default=DEFAULT_KEY_SECRET, validator=text, repr=False)
    seed: int = attrs.field(default=0, validator=whole_number)
    duration: float = attrs.field(default=20.0, validator=number(0, 86_400, "seconds"))
    spread: float = attrs.field(default=0.35, validator=number(0, 3, "sigma"))
    failure_rate: float = attrs.field(default=0.0, validator=number(0, 1, "tasks in one"))
    rate_limit: int | None = attrs.field(default=None, validator=whole(1, "calls a second"))
    total_rate_limit: int | None = attrs.field(default=None, validator=whole(1, "calls a second"))
    quota: int | None = attrs.field(default=None, validator=whole(0, "pictures"))
    trial_quota: int | None = attrs.field(default=None, validator=whole(0, "pictures"))
    submit_shape: Literal["documented", "flat"] | None = attrs.field(default="documented", validator=_shape)
    link_lifetime: float = attrs.field(default=3600.0, validator=number(0, 31_536_000, "seconds"))

    def changed(self, changes: Mapping[str, object]) -> Self:
        """
        Return these settings with *changes* made to them, as a running sandbox allows.

        Raises:
            SandboxError: A name is unknown or may not change at run time, or a value breaks its rule.
        """
        fixed = sorted(set(changes) - set(CHANGEABLE))
        if fixed:
            raise SandboxError(f"{fixed[0]!r} cannot be changed at run time; these can: {', '.join(CHANGEABLE)}")
        values: dict[str, Any] = dict(changes)
        return attrs.evolve(self, **values)  # the constructor checks them
