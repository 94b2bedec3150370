"""`doctor` says what is set, what can be reached and whether we are known, and costs nothing unless told."""

from pathlib import Path

import pytest

from aidge_async.sandbox.server import RunningSandbox
from tests.cli.conftest import Use
from tests.cli.support import SECRET, Said, accepted, sandbox_of, typed


def marks(said: Said) -> dict[str, str]:
    """Return the mark of each finding by its name."""
    return {line[6:18].strip(): line[:5].strip() for line in said.out.splitlines()}


def text(said: Said, name: str) -> str:
    """Return what was found of *name*."""
    return next(line[19:] for line in said.out.splitlines() if line[6:18].strip() == name)


def test_healthy_account_is_all_ok_and_buys_nothing(account: RunningSandbox) -> None:
    """Settings, name, connection, clock and signature are found good without a submit."""
    before = accepted(account)
    said = typed("doctor")
    assert said.code == 0
    assert set(marks(said).values()) == {"ok"}
    assert {"name", "proxy", "connection", "clock", "signature"} <= set(marks(said))
    assert "knows no such task" in text(said, "signature")
    assert accepted(account) == before


def test_each_setting_names_its_source_and_the_secret_is_masked(account: RunningSandbox) -> None:
    """A flag wins over its variable, and the output can be pasted into a bug report."""
    said = typed("doctor", "--region", "china")
    assert text(said, "region") == "china (from argument)"
    assert text(said, "key_name") == f"{account.key_name} (from AIDGE_ACCESS_KEY_NAME)"
    assert text(said, "trial") == "false (from default)"
    assert SECRET not in said.out


@pytest.mark.usefixtures("account")
def test_wrong_secret_is_found_and_exits_5(monkeypatch: pytest.MonkeyPatch) -> None:
    """A rejected signature is told in the gateway's words."""
    monkeypatch.setenv("AIDGE_ACCESS_KEY_SECRET", "made-up-wrong")
    said = typed("doctor")
    assert (said.code, marks(said)["signature"]) == (5, "bad")
    assert "IncompleteSignature" in text(said, "signature")


@pytest.mark.usefixtures("account")
def test_port_nothing_listens_on_stops_there() -> None:
    """What cannot be connected to is not asked for its opinion of the signature."""
    said = typed("doctor", "--base-url", "http://127.0.0.1:9")
    assert (said.code, marks(said)["connection"]) == (3, "bad")
    assert "check network, proxy, certificate and base_url" in text(said, "connection")
    assert "signature" not in marks(said)


@pytest.mark.usefixtures("account")
def test_name_that_is_not_known_stops_there() -> None:
    """A name without an address is told as such."""
    said = typed("doctor", "--base-url", "https://no-such-host.invalid")
    assert (said.code, marks(said)["name"]) == (3, "bad")
    assert "connection" not in marks(said)


def test_no_credentials_is_one_sentence() -> None:
    """Without a key there is nothing to examine."""
    said = typed("doctor")
    assert (said.code, said.out) == (2, "")
    assert "AIDGE_ACCESS_KEY_NAME" in said.sentence


def test_spending_is_agreed_to_first(account: RunningSandbox, look: Path) -> None:
    """Without a terminal and without --yes nothing is bought, and the sentence says what it may cost."""
    before = accepted(account)
    said = typed("doctor", "--spend", look)
    assert (said.code, accepted(account)) == (2, before)
    assert "one picture may be billed to the account: agree with --yes" in said.sentence


def test_spending_learns_the_dialect(use: Use, look: Path) -> None:
    """One submit says whether the account takes the dialect that is set; a refusal names the other."""
    with sandbox_of(submit_shape="flat") as running:
        use(running)
        refused = typed("doctor", "--spend", look, "--yes")
        assert (refused.code, marks(refused)["dialect"], accepted(running)) == (3, "bad", 0)
        assert "set 'flat'" in text(refused, "dialect")
        taken = typed("doctor", "--spend", look, "--yes", "--wire-format", "flat")
        assert (taken.code, marks(taken)["dialect"], accepted(running)) == (0, "ok", 1)
        assert "aidge-async task aidge1." in text(taken, "dialect")


def test_spent_quota_is_told_before_spending(use: Use, look: Path) -> None:
    """An account with nothing left is refused, not in doubt."""
    with sandbox_of(quota=0) as running:
        use(running)
        said = typed("doctor", "--spend", look, "--yes")
        assert (said.code, marks(said)["dialect"]) == (5, "bad")
