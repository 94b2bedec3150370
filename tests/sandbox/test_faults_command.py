"""`aidge-async sandbox --fault`: rules from the command line."""

import contextlib
import io
import json
import signal
import subprocess
import sys
from urllib.request import urlopen

import pytest

from aidge_async.cli import main

PROGRAM = "import sys; from aidge_async.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.mark.slow
def test_command_line_sets_faults() -> None:
    """Each `--fault` is a rule in force from the first call on."""
    faults = ["submit:accept_then_drop,probability=0.2,seed=7", "query:status,status=502,next=3"]
    command = [sys.executable, "-c", PROGRAM, "sandbox", *(part for fault in faults for part in ("--fault", fault))]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = json.loads(process.stdout.readline())["url"]
        with urlopen(f"{url}/_sandbox/faults") as answer:
            rules = [shown["rule"] for shown in json.load(answer)["faults"]]
        process.send_signal(signal.SIGTERM)
        assert (process.wait(timeout=10), process.stderr.read()) == (0, "")
    assert {name: rules[0][name] for name in ("kind", "calls", "probability", "seed")} == {
        "kind": "accept_then_drop",
        "calls": "submit",
        "probability": 0.2,
        "seed": 7,
    }
    assert (rules[1]["kind"], rules[1]["calls"], rules[1]["status"], rules[1]["next"]) == ("status", "query", 502, 3)


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("submit:reset", "--fault submit:reset: 'kind' must be one of "),
        ("submit:empty,seed=x", "--fault submit:empty,seed=x: 'seed' must be a whole number (got 'x')"),
        ("submit:delay", "--fault submit:delay: 'seconds' is required for the kind delay"),
    ],
)
def test_bad_fault_is_one_sentence(fault: str, told: str) -> None:
    """What is wrong with a rule is said before anything starts, and the exit code is 2."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["sandbox", "--fault", "query:empty", "--fault", fault])
    assert (code, out.getvalue(), err.getvalue().count("\n")) == (2, "", 1)
    assert err.getvalue().startswith(f"aidge-async: {told}")
