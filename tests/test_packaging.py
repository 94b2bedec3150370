"""What is installed: names, version, types, and nothing optional on import."""

import importlib.metadata
import subprocess
import sys
import types
from pathlib import Path

import aidge_async
from aidge_async import AidgeError, TaskHandle, errors

PACKAGE = Path(aidge_async.__file__).parent


def test_public_names_are_listed_and_sorted() -> None:
    """`__all__` holds every public name, in order, and nothing else."""
    public = {
        name
        for name, value in vars(aidge_async).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    }
    assert set(aidge_async.__all__) == public
    assert aidge_async.__all__ == sorted(aidge_async.__all__)


def test_public_names_report_the_public_path() -> None:
    """Reprs and tracebacks name the place that users import from."""
    assert AidgeError.__module__ == TaskHandle.__module__ == "aidge_async"


def test_every_error_is_public() -> None:
    """Whatever is raised can be caught by a public name."""
    raised = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, AidgeError)}
    assert raised <= set(aidge_async.__all__)


def test_types_are_shipped() -> None:
    """Type checkers of our users read our annotations."""
    assert (PACKAGE / "py.typed").is_file()


def test_version_is_the_changelogs() -> None:
    """The installed version has its section in the changelog."""
    version = importlib.metadata.version("aidge-async")
    changelog = (Path(__file__).parent.parent / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {version}" in changelog or (".dev" in version and "## Unreleased" in changelog)


def test_import_brings_nothing_optional() -> None:
    """`import aidge_async` loads no extra and none of our tools."""
    # httpx loads its own command line, with rich, where that is installed: what the core packages bring is not ours.
    code = (
        "import sys, httpx, anyio, attrs, cattrs; before = set(sys.modules); import aidge_async; "
        "print(sorted({name.split('.')[0] for name in set(sys.modules) - before} & "
        "{'PIL', 'cyclopts', 'rich', 'starlette', 'uvicorn', 'trio', 'imagesize', 'pytest'}), "
        "[name for name in sys.modules if name in "
        "{'aidge_async.cli', 'aidge_async.sandbox', 'aidge_async.testing'}])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[] []\n"


def test_no_module_is_too_long() -> None:
    """One idea a file: none has more than 320 lines."""
    long = {
        path.name: lines
        for path in PACKAGE.rglob("*.py")
        if (lines := len(path.read_text(encoding="utf-8").splitlines())) > 320
    }
    assert long == {}
