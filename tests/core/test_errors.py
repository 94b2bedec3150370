"""The tree of errors: as drawn, with all values, through pickles and copies, and without secrets."""

import copy
import inspect
import pickle
import re
import traceback
from typing import Any

import pytest

from aidge_async import errors
from aidge_async._core.call import Phase, TransportError
from aidge_async._core.reading import UnreadableValueError
from aidge_async._core.signing import Secret
from aidge_async.errors import AidgeError

CLASSES = [kind for kind in vars(errors).values() if inspect.isclass(kind) and issubclass(kind, AidgeError)]
VALUES: dict[str, Any] = {
    "code": "501",
    "status_code": 200,
    "message": "rate limit exceed",
    "request_id": "r-1",
    "task_id": "t-1",
    "key": "sku/front",
    "token": "aidge1.made-up",
    "retry_after": 1.5,
    "billable": "unknown",
    "resend_safe": False,
}


def drawn_tree() -> dict[str, set[str]]:
    """Return of the tree in the module's docstring each class with its bases, the outside ones included."""
    bases: dict[str, set[str]] = {"AidgeError": {"Exception"}}
    path = ["AidgeError"]
    for line in (errors.__doc__ or "").splitlines():
        found = re.match(r"    ([│ ]*)[├└]── (\w+)(?: \((\w+)\))?", line)
        if found:
            depth = len(found[1]) // 4 + 1
            path[depth:] = [found[2]]
            bases[found[2]] = {path[depth - 1], *([found[3]] if found[3] else [])}
    return bases


def test_drawn_tree_is_the_tree_of_classes() -> None:
    """Each class stands in the drawing below its bases, and no other does."""
    assert drawn_tree() == {kind.__name__: {base.__name__ for base in kind.__bases__} for kind in CLASSES}


@pytest.mark.parametrize("kind", CLASSES)
def test_class_says_when_it_is_raised_and_what_to_do(kind: type[AidgeError]) -> None:
    """A docstring of its own, of at least two clauses."""
    said = inspect.cleandoc(kind.__dict__["__doc__"])
    assert re.match(r"Raised? (when|for) ", said)
    assert re.search(r"[.;:] .*\.", said, re.DOTALL)
    assert kind.__name__.endswith("Error")


@pytest.mark.parametrize("kind", CLASSES)
@pytest.mark.parametrize(
    "carry",
    [copy.copy, copy.deepcopy, *(lambda error, p=p: pickle.loads(pickle.dumps(error, p)) for p in range(6))],
)
def test_pickles_and_copies_keep_all_values(kind: type[AidgeError], carry: Any) -> None:
    """An error crosses a process pool as it is: class, text and each value, set or not."""
    for error in (kind("what; what to do"), kind("what; what to do", **VALUES)):
        carried = carry(error)
        assert type(carried) is kind
        assert str(carried) == "what; what to do"
        assert vars(carried) == vars(error)
        assert repr(carried) == repr(error)


@pytest.mark.parametrize("kind", CLASSES)
def test_values_are_plain_and_default_to_nothing(kind: type[AidgeError]) -> None:
    """What is not known is `None`; what may be billed follows from the class."""
    error = kind("what")
    names = [name for name in VALUES if name not in {"billable", "resend_safe"}]
    assert [getattr(error, name) for name in names] == [None] * 8
    assert error.billable in {"no", "yes", "unknown"}
    assert error.resend_safe is (error.billable == "no")
    assert {name: getattr(kind("what", **VALUES), name) for name in VALUES} == VALUES


def test_defaults_follow_what_may_have_been_paid() -> None:
    """Whatever was accepted or perhaps accepted is never called safe to send again."""
    billable = {kind.__name__: kind.default_billable for kind in CLASSES if kind.default_billable != "no"}
    assert billable == {
        "SubmissionInDoubtError": "unknown",
        "TaskFailedError": "unknown",
        "DeadlineError": "yes",
        "ReplyError": "yes",
        "DownloadError": "yes",
    }


def test_our_timeouts_and_bad_arguments_are_pythons_too() -> None:
    """Who catches TimeoutError or ValueError catches these."""
    with pytest.raises(TimeoutError, match="late"):
        raise errors.DeadlineError("late", token="aidge1.x")
    with pytest.raises(ValueError, match="bad"):
        raise errors.RequestError("bad")
    assert not issubclass(errors.SettingsError, ValueError)


def test_repr_states_what_is_known_and_nothing_else() -> None:
    """A stable sentence for a log."""
    assert repr(errors.QuotaError("no quota", code="NoResource")) == (
        "QuotaError('no quota', code='NoResource', billable='no', resend_safe=True)"
    )


def test_about_fills_in_only_what_was_open() -> None:
    """What the gateway said about itself is not overwritten."""
    error = errors.RefusedError("no", task_id="t-1")
    assert error.about(key="k", task_id="t-2", token="aidge1.x") is error
    assert (error.key, error.task_id, error.token) == ("k", "t-1", "aidge1.x")
    assert error.about(key="other").key == "k"


def test_nobody_can_put_an_object_of_the_house_inside() -> None:
    """Unknown values are refused, so no reply and no client rides along."""
    with pytest.raises(TypeError, match="unexpected keyword argument 'reply'"):
        AidgeError("what", reply=object())  # type: ignore[call-arg]  # that is the point


def test_traceback_of_an_error_shows_no_secret() -> None:
    """With the locals of every frame, where a Secret stands among them."""
    secret = Secret("made-up-secret")

    def fail() -> None:
        held = {"secret": secret}
        raise errors.CredentialsError("the gateway refused the key", code="InvalidAppKey", message=str(held))

    with pytest.raises(errors.CredentialsError) as caught:
        fail()
    shown = "".join(traceback.TracebackException.from_exception(caught.value, capture_locals=True).format())
    assert "made-up-secret" not in shown.replace('Secret("made-up-secret")', "")
    assert "made-up-secret" not in repr(caught.value)


@pytest.mark.parametrize("error", [TransportError(Phase.SENT, "ReadError"), UnreadableValueError("odd @ $")])
def test_inner_errors_are_not_for_users(error: Exception) -> None:
    """What is raised between our own parts is no AidgeError, and is pickled all the same."""
    assert not isinstance(error, AidgeError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)
