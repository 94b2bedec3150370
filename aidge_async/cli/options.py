"""
Flags that several commands share, and what they become: a client, or what is asked of the gateway.

Each is a value class that cyclopts fills; a rule that the library checks is not checked here again.
"""

import math
import os
import shlex
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import attrs
from cyclopts import Group, Parameter

from aidge_async import AidgeClient, Deadlines, Limits, ModelAlternation, Polling
from aidge_async._options import ClientOptions
from aidge_async.cli.errands import UNREACHABLE
from aidge_async.cli.exits import UsageError
from aidge_async.config import VARIABLES
from aidge_async.ports import Observer

ACCOUNT: Final = Group(
    "Account", sort_key=8, help="Each wins over its variable. The secret is read from AIDGE_ACCESS_KEY_SECRET only."
)
PICTURE: Final = Group("Pictures", sort_key=2, help="What is left out, the gateway decides.")
REPORT: Final = Group("Output", sort_key=9)

_POLL_LEAST: Final = 1.0  # seconds; the vendor advises against asking more often

Deadline: TypeAlias = Annotated[
    float | None, Parameter(help="Seconds to wait for each image. Default: 900 once it is accepted.")
]
Debug: TypeAlias = Annotated[
    bool, Parameter(group=REPORT, negative=(), show_default=False, help="Show the traceback of a bug.")
]
JOURNAL_VARIABLE: Final = "AIDGE_JOURNAL"
Journal: TypeAlias = Annotated[
    Path | None,
    Parameter(
        name="--journal",
        env_var=JOURNAL_VARIABLE,
        show_env_var=False,
        help="File that remembers what was bought: AIDGE_JOURNAL. Default: none.",
    ),
]
Budget: TypeAlias = Annotated[
    int | None,
    Parameter(help="Most pictures that may be billed in all, by what the journal holds. Default: no limit."),
]
Poll: TypeAlias = Annotated[
    float | None,
    Parameter(help="Seconds between two looks at a task, 1 or more. Default: learned from the tasks before."),
]


@attrs.frozen(kw_only=True)
class Report:
    """Say how to report."""

    json: Annotated[
        bool, Parameter(group=REPORT, negative=(), show_default=False, help="Results as JSON, one line a picture.")
    ] = False
    debug: Debug = False


@attrs.frozen(kw_only=True)
class Account:
    """Say whose account it is, and where."""

    key_name: Annotated[str | None, Parameter(group=ACCOUNT, help="Key name: AIDGE_ACCESS_KEY_NAME.")] = None
    region: Annotated[
        str | None, Parameter(group=ACCOUNT, help="Where it was bought, global or china: AIDGE_REGION.")
    ] = None
    trial: Annotated[bool | None, Parameter(group=ACCOUNT, help="Draw on the trial quota: AIDGE_TRIAL.")] = None
    base_url: Annotated[str | None, Parameter(group=ACCOUNT, help="Another host, as a sandbox's: AIDGE_BASE_URL.")] = (
        None
    )
    wire_format: Annotated[
        str | None, Parameter(group=ACCOUNT, help="Dialect, documented or flat: AIDGE_WIRE_FORMAT.")
    ] = None

    def client(
        self,
        *,
        poll: float | None,
        observers: Iterable[Observer],
        limits: Limits | None = None,
        journal: Path | None = None,
        budget: int | None = None,
        anonymous: bool = False,
    ) -> AidgeClient:
        """
        Make the client, flags over environment.

        Args:
            poll: Seconds between two looks at a task; `None`: learned from the tasks before.
            observers: Are told of its events.
            limits: How much may be asked of the gateway; `None`: the library's own.
            journal: Remembers what was bought; `None`: only as long as it lives.
            budget: Pictures that may be billed in all; `None`: no limit.
            anonymous: Whether it will send nothing, and needs no account for that.

        Raises:
            UsageError: No credentials are set.
            SettingsError: A setting is of the wrong form.
        """
        environment = self._environment(anonymous=anonymous)
        options = ClientOptions(
            polling=Polling.learned() if poll is None else Polling.every(poll),
            deadlines=Deadlines(unreachable=UNREACHABLE),
            observers=observers,
            limits=limits or Limits(),
            journal=journal,
            budget=budget,
        )
        if self.region is not None:
            options["region"] = self.region
        if self.trial is not None:
            options["trial"] = self.trial
        if self.base_url is not None:
            options["base_url"] = self.base_url
        if self.wire_format is not None:
            options["wire_format"] = self.wire_format
        return AidgeClient.from_env(environment, **options)

    def flags(self) -> str:
        """Return what was typed of these, to be typed again; a token is read by its own account only."""
        typed = {"key-name": self.key_name, "region": self.region, "base-url": self.base_url}
        return "".join(f" --{name} {shlex.quote(value)}" for name, value in typed.items() if value is not None)

    def _environment(self, *, anonymous: bool) -> Mapping[str, str]:
        name = VARIABLES["key_name"]
        environment = dict(os.environ) if self.key_name is None else {**os.environ, name: self.key_name}
        if anonymous:
            return {**environment, name: "nobody", VARIABLES["key_secret"]: "none"}
        missing = [
            variable for variable in (name, VARIABLES["key_secret"]) if not environment.get(variable, "").strip()
        ]
        if missing:
            raise UsageError(
                f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} not set; set what the vendor's "
                "console shows, or try without an account: 'aidge-async demo', 'aidge-async sandbox'"
            )
        return environment


_MODEL: Final = Parameter(
    group=PICTURE, help="The new model: universal_model_1 to _4; flat dialect: WHITE, BLACK, YELLOW, BROWN."
)


# Mixed in without slots, because two classes with slots cannot be; what is mixed in last comes first in the help.
@attrs.frozen(kw_only=True, slots=False)
class _Model:
    model: Annotated[str, _MODEL]


@attrs.frozen(kw_only=True, slots=False)
class _DefaultModel:
    model: Annotated[str | None, _MODEL] = None


@attrs.frozen(kw_only=True)
class _PictureBesideModel:
    background: Annotated[
        str | None, Parameter(group=PICTURE, help="Replace it: studio, room, European_street or beach.")
    ] = None
    keep_background: Annotated[bool | None, Parameter(group=PICTURE, help="Keep it, or replace it.")] = None
    gender: Annotated[str | None, Parameter(group=PICTURE, help="MALE or FEMALE.")] = None
    age: Annotated[
        str | None, Parameter(group=PICTURE, help="YOUTH (20-30), MIDDLE_AGE (30-50) or OLD_AGE (60 and over).")
    ] = None
    count: Annotated[int | None, Parameter(group=PICTURE, help="Pictures of each image, 1 to 4; each is paid.")] = None
    dimension: Annotated[int | None, Parameter(group=PICTURE, help="Their short side in pixels, 512 to 2048.")] = None

    def values(self) -> dict[str, Any]:
        """Return what was given, under the names that `ModelAlternation` takes."""
        return {name: value for name, value in attrs.asdict(self).items() if value is not None}


@attrs.frozen(kw_only=True)
class Picture(_PictureBesideModel, _Model):
    """Say what the pictures are to be."""


@attrs.frozen(kw_only=True)
class PictureDefaults(_PictureBesideModel, _DefaultModel):
    """Say what the pictures are to be where a row of a manifest does not."""

    def check(self) -> None:
        """
        Check each value before it is held against every row.

        Raises:
            RequestError: One breaks a rule.
        """
        values = {"model": "any", **self.values()}
        if values.get("keep_background") is False:
            del values["keep_background"]  # rows may name the background
        ModelAlternation(image=b"", **values)


def check_budget(budget: int | None) -> None:
    """
    Check the budget before anything is sent.

    Raises:
        UsageError: It is below 0.
    """
    if budget is not None and budget < 0:
        raise UsageError(f"--budget must be a whole number of pictures from 0 (got {budget}); change it")


def check_waits(*, deadline: float | None, poll: float | None = None) -> None:
    """
    Check the two waits before anything is sent.

    Raises:
        UsageError: One is out of its range.
    """
    if deadline is not None and not 0 < deadline < math.inf:
        raise UsageError(
            f"--deadline must be a number of seconds over 0 (got {deadline:g}); change it, or leave it out"
        )
    if poll is not None and not _POLL_LEAST <= poll <= 3600:  # noqa: PLR2004  an hour
        raise UsageError(f"--poll must be from 1 to 3600 seconds (got {poll:g}); change it, or leave it out")


def prepare_folder(folder: Path) -> None:
    """
    Make *folder* and see that files can be written there, before anything is paid that could not be saved.

    Raises:
        UsageError: It cannot be made or written to.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except (OSError, ValueError) as exc:
        reason = exc.strerror if isinstance(exc, OSError) and exc.strerror else str(exc)
        raise UsageError(f"the folder '{folder}' cannot be written to ({reason}); name another with --out") from None
