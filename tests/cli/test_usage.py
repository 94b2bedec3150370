"""Wrong use ends in one sentence and exit code 2, and sends nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

from aidge_async.sandbox.server import RunningSandbox
from tests.cli.support import MODEL, accepted, typed


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["run"], "IMAGE is missing, or has no value; see 'aidge-async run --help'"),
        (["run", "a.jpg", "--out", "o"], "--model is missing, or has no value; see 'aidge-async run --help'"),
        (["task"], "TOKEN is missing, or has no value; see 'aidge-async task --help'"),
        (["run", "a", "--modell", "x"], "unknown option: --modell (did you mean '--model'?); see"),
        (["rnu"], "unknown command 'rnu' (did you mean 'run'?); see 'aidge-async --help'"),
        (
            ["run", "a", "--out", "o", "--model", "m", "--count", "two"],
            "invalid value for --count: unable to convert 'two' into int; see",
        ),
        (
            ["sandbox", "--submit-shape", "new"],
            "invalid value 'new' for --submit-shape (choose from 'documented', 'flat')",
        ),
        (["sandbox", "--failure-rate", "3"], "--failure-rate must be a number of tasks in one from 0 to 1 (got 3.0)"),
        (["sandbox", "--certfile", "/nowhere.pem"], "the certificate '/nowhere.pem' cannot be used"),
        (["demo", "surplus"], "more was typed than is taken: ['surplus']; see"),
    ],
)
def test_wrong_use_is_one_sentence(arguments: list[str], told: str) -> None:
    """What cannot be understood is named, with the next step, and the exit code is 2."""
    said = typed(*arguments)
    assert (said.code, said.out) == (2, "")
    assert said.sentence.startswith(told)


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--background", "forest"], "--background must be one of studio, room, European_street, beach (got 'forest')"),
        (
            ["--background", "room", "--keep-background"],
            "--keep-background must not be True where --background is given",
        ),
        (["--no-keep-background"], "--background must be given where --keep-background is False"),
        (["--gender", "X"], "--gender must be one of MALE, FEMALE (got 'X')"),
        (["--count", "9"], "--count must be a whole number of pictures from 1 to 4 (got 9)"),
        (["--dimension", "1"], "--dimension must be a whole number of pixels from 512 to 2048 (got 1)"),
        (["--model", "WHITE"], "--model must be one of universal_model_1"),
        (["--region", "mars"], "--region must be global or china (got 'mars')"),
        (["--wire-format", "xml"], "--wire-format must be documented or flat (got 'xml')"),
        (["--base-url", "ftp://x"], "--base-url must be https://host without path or query (got 'ftp://x')"),
        (["--deadline", "0"], "--deadline must be a number of seconds over 0 (got 0)"),
        (["--poll", "0.1"], "--poll must be from 1 to 3600 seconds (got 0.1)"),
    ],
)
def test_bad_value_names_its_flag(
    account: RunningSandbox, look: Path, tmp_path: Path, flags: list[str], told: str
) -> None:
    """A value that breaks a rule is refused under the name it was typed with, before anything is sent."""
    before = accepted(account)
    model = () if "--model" in flags else MODEL
    said = typed("run", look, "--out", tmp_path / "out", *model, *flags)
    assert (said.code, said.out, accepted(account)) == (2, "", before)
    assert said.sentence.startswith(told)


def test_one_bad_image_among_good_ones_sends_nothing(account: RunningSandbox, look: Path, note: Path) -> None:
    """All images are checked before the first is sent, and the bad one is named."""
    before = accepted(account)
    said = typed("run", look, note, look, *MODEL, "--out", note.parent)
    assert (said.code, accepted(account)) == (2, before)
    assert said.sentence.startswith("'note.txt' is no picture; the gateway takes JPEG, PNG, BMP or WEBP")


def test_missing_file_is_named(account: RunningSandbox, tmp_path: Path) -> None:
    """A file that is not there is wrong use."""
    said = typed("run", tmp_path / "gone.jpg", *MODEL, "--out", tmp_path)
    assert (said.code, "gone.jpg' cannot be read (No such file" in said.sentence) == (2, True)
    assert account.key_secret not in said.sentence


@pytest.mark.parametrize("image", ["ftp://example.com/a.jpg", "file:///etc/passwd", "http://", "http://exa mple.com/"])
def test_url_that_is_not_http_is_refused(account: RunningSandbox, tmp_path: Path, image: str) -> None:
    """Only what the gateway can fetch is taken for a URL; nothing else is opened."""
    before = accepted(account)
    said = typed("run", image, *MODEL, "--out", tmp_path)
    assert (said.code, accepted(account)) == (2, before)
    assert "is no http(s) URL; give a file's path" in said.sentence


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize("folder", ["note.txt", "note.txt/below"])
def test_folder_that_cannot_be_written_is_refused_first(look: Path, note: Path, folder: str) -> None:
    """Nothing is paid for that could not be saved."""
    said = typed("run", look, *MODEL, "--out", note.parent / folder)
    assert said.code == 2
    assert "cannot be written to (" in said.sentence
    assert said.sentence.endswith("name another with --out")


@pytest.mark.parametrize("token", ["hello", "aidge1.xyz"])
@pytest.mark.usefixtures("account")
def test_bad_token_is_refused(token: str) -> None:
    """What is no token, or was cut, is wrong use."""
    said = typed("task", token)
    assert (said.code, said.sentence.startswith("TOKEN ")) == (2, True)


def test_no_credentials_points_to_the_demo(look: Path, tmp_path: Path) -> None:
    """Without an account one sentence says what to set, and what works without one."""
    said = typed("run", look, *MODEL, "--out", tmp_path)
    assert said.code == 2
    assert "AIDGE_ACCESS_KEY_NAME and AIDGE_ACCESS_KEY_SECRET are not set" in said.sentence
    assert "'aidge-async demo', 'aidge-async sandbox'" in said.sentence


def test_flag_wins_over_environment(
    account: RunningSandbox, look: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flag is taken where a variable says something else, and a variable where there is no flag."""
    monkeypatch.setenv("AIDGE_WIRE_FORMAT", "xml")
    assert "--wire-format must be" in typed("run", look, *MODEL, "--out", tmp_path).sentence
    overridden = typed("run", look, *MODEL, "--out", tmp_path, "--wire-format", "flat")
    assert overridden.sentence.startswith("--model must be one of WHITE, BLACK, YELLOW, BROWN in the flat wire format")
    assert account.key_name not in overridden.sentence


@pytest.mark.parametrize("command", ["demo", "run", "batch", "task", "journal", "sandbox"])
def test_help_fits_a_terminal(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command's help is at most 80 columns wide, on stdout."""
    monkeypatch.setenv("COLUMNS", "80")
    said = typed(command, "--help")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith(f"Usage: aidge-async {command}")
    assert max(len(line) for line in said.out.splitlines()) <= 80


def test_version_is_the_installed_one() -> None:
    """`--version` prints what is installed."""
    from importlib.metadata import version

    assert typed("--version").out == f"{version('aidge-async')}\n"


@pytest.mark.parametrize(
    ("module", "extra", "arguments"),
    [
        ("cyclopts", "cli", ["run"]),
        ("rich", "cli", ["run"]),
        ("starlette", "sandbox", ["sandbox"]),
        ("PIL", "sandbox", ["demo"]),
    ],
)
@pytest.mark.slow
def test_missing_extra_is_one_sentence(module: str, extra: str, arguments: list[str], tmp_path: Path) -> None:
    """Without what an extra brings, one sentence says what to install."""
    program = (
        f"import sys; sys.modules[{module!r}] = None\nfrom aidge_async.cli import main\nsys.exit(main({arguments!r}))"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert (ended.returncode, ended.stdout) == (2, "")
    assert ended.stderr.startswith("aidge-async: '")
    assert ended.stderr.endswith(f"is missing; type: pip install 'aidge-async[{extra}]'\n")
