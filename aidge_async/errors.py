"""
Everything this library raises.

Only plain values may be held here: an error that holds a reply, a request or a client ties the whole house together
and cannot be pickled.

    AidgeError
    ├── SettingsError                credentials or settings missing or contradictory; nothing sent
    ├── RequestError (ValueError)    a value or an image breaks a documented rule; nothing sent
    ├── NotSentError                 no byte of the call left
    ├── RefusedError                 the gateway certainly did not process it
    │   ├── CredentialsError         signature, key or account
    │   ├── QuotaError               nothing left to draw on
    │   ├── RateLimitError           too many calls
    │   ├── ClockError               the timestamp was rejected
    │   ├── InvalidInputError        the gateway names the fields
    │   └── ContentError             the content rules
    ├── SubmissionInDoubtError       sent, and no certain answer
    ├── TaskFailedError              accepted, then failed
    ├── DeadlineError (TimeoutError) still running at its deadline
    ├── ReplyError                   an answer that cannot be read
    ├── DownloadError                a picture could not be fetched or written
    ├── JournalError                 the journal could not be read or written
    │   └── TakenError               somebody else works under the same key
    └── BudgetError                  the budget does not cover it
"""

from typing import Any, ClassVar, Literal, Self, TypeAlias

Billable: TypeAlias = Literal["no", "yes", "unknown"]

_FIELDS = ("code", "status_code", "message", "request_id", "task_id", "key", "token", "retry_after")


class AidgeError(Exception):
    """
    Raise for anything this library cannot do; catch it to catch all of them.

    Args:
        summary: One sentence: what happened and what to do. It is the error's text.
        code: The gateway's own code, such as `"501"` or `"NoResource"`.
        status_code: The HTTP status, where an answer came.
        message: The gateway's own words, unchanged.
        request_id: The gateway's id of the call; its support asks for it.
        task_id: The task, where one is known.
        key: The key under which the submission runs.
        token: What `AidgeClient.resume` takes, where a task is known.
        retry_after: Seconds the gateway asked us to wait, where it named any.
        billable: Whether this submission may be billed: `"no"`, `"yes"` or `"unknown"`.
        resend_safe: Whether submitting again can certainly not be paid twice.
    """

    default_billable: ClassVar[Billable] = "no"
    default_resend_safe: ClassVar[bool] = True

    def __init__(
        self,
        summary: str,
        *,
        code: str | None = None,
        status_code: int | None = None,
        message: str | None = None,
        request_id: str | None = None,
        task_id: str | None = None,
        key: str | None = None,
        token: str | None = None,
        retry_after: float | None = None,
        billable: Billable | None = None,
        resend_safe: bool | None = None,
    ) -> None:
        super().__init__(summary)
        self.summary = summary
        self.code = code
        self.status_code = status_code
        self.message = message
        self.request_id = request_id
        self.task_id = task_id
        self.key = key
        self.token = token
        self.retry_after = retry_after
        self.billable: Billable = self.default_billable if billable is None else billable
        self.resend_safe: bool = self.default_resend_safe if resend_safe is None else resend_safe

    def __repr__(self) -> str:
        facts = [f"{name}={value!r}" for name, value in self._values().items() if value is not None]
        return f"{type(self).__name__}({', '.join([repr(self.summary), *facts])})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.summary, self._values())

    def _values(self) -> dict[str, Any]:
        values = {name: getattr(self, name) for name in _FIELDS}
        return {**values, "billable": self.billable, "resend_safe": self.resend_safe}

    def about(self, *, key: str | None = None, task_id: str | None = None, token: str | None = None) -> Self:
        """Return this error with what is known of its submission filled in where it was open."""
        self.key = self.key or key
        self.task_id = self.task_id or task_id
        self.token = self.token or token
        return self


def _rebuild(kind: type[AidgeError], summary: str, values: dict[str, Any]) -> AidgeError:
    return kind(summary, **values)


class SettingsError(AidgeError):
    """Raised when credentials or settings are missing or contradict each other; nothing was sent. Correct them."""


class RequestError(AidgeError, ValueError):
    """Raised when a value or an image breaks a documented rule; nothing was sent. Correct the named field."""


class NotSentError(AidgeError):
    """Raised when no byte of the call left this machine (name, connection, TLS, proxy). Submit again when it heals."""


class RefusedError(AidgeError):
    """Raised when the gateway certainly did not process the call. Read `code` and `message`, then correct the call."""


class CredentialsError(RefusedError):
    """Raised when the gateway rejects key, signature or account. Compare them with the vendor's console."""


class QuotaError(RefusedError):
    """Raised when the account has nothing left to draw on. Buy a package, or use the trial quota with `trial=True`."""


class RateLimitError(RefusedError):
    """Raised when the gateway still refuses for its rate at the deadline. Lower `Limits`, or ask support for more."""


class ClockError(RefusedError):
    """Raised when the gateway rejects the timestamp even after a correction. Set this machine's clock."""


class InvalidInputError(RefusedError):
    """Raised when the gateway names fields it does not take. Correct them; nothing was processed."""


class ContentError(RefusedError):
    """Raised when the gateway's content rules stop it. Try another picture; 1001 and 1002 may have been billed."""


class SubmissionInDoubtError(AidgeError):
    """
    Raised when a submission was sent and no certain answer came: it was perhaps accepted, and perhaps is billed.

    It is never sent again unasked. Look into the vendor's console before you submit the same request once more.
    """

    default_billable = "unknown"
    default_resend_safe = False


class TaskFailedError(AidgeError):
    """Raised when an accepted task failed at the gateway. Read `message`; whether it is billed is not documented."""

    default_billable = "unknown"
    default_resend_safe = False


class DeadlineError(AidgeError, TimeoutError):
    """Raised when a task still runs at its deadline. It goes on at the gateway: keep `token` and resume it later."""

    default_billable = "yes"
    default_resend_safe = False


class ReplyError(AidgeError):
    """Raised when an answer about a task cannot be read. Nothing is lost: keep `token`, resume it, and report this."""

    default_billable = "yes"
    default_resend_safe = False


class DownloadError(AidgeError):
    """Raised when a finished picture could not be fetched or written. It is paid: mend the cause and save again."""

    default_billable = "yes"
    default_resend_safe = False


class JournalError(AidgeError):
    """Raised when the journal cannot be read or written. Nothing is submitted that could not be recorded."""


class TakenError(JournalError):
    """Raised when somebody else got there first under the same key; nothing was sent. Ask what is recorded now."""


class BudgetError(AidgeError):
    """Raised when a submission would exceed the budget; nothing was sent. Raise the budget or stop here."""
