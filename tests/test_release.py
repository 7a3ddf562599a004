"""Do the places that name versions of Python agree, and is what a release says of itself true?"""

from __future__ import annotations

import importlib.util
import re
import tomllib
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).parent.parent
PROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
WORKFLOWS: Final = ROOT / ".github" / "workflows"


@pytest.fixture
def hook() -> ModuleType:
    """hatch_build.py, which only the build tool imports elsewhere."""
    pytest.importorskip("hatchling", reason="the build tool is not installed")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def classified() -> list[str]:
    """The versions of Python that the package says it works with."""
    found = [
        re.fullmatch(r"Programming Language :: Python :: (3\.\d+)", text) for text in PROJECT["project"]["classifiers"]
    ]
    return [match[1] for match in found if match is not None]


def test_wheels_are_built_for_the_versions_that_the_package_names() -> None:
    assert PROJECT["tool"]["cibuildwheel"]["build"] == [f"cp{version.replace('.', '')}-*" for version in classified()]
    assert PROJECT["project"]["requires-python"] == f">={classified()[0]}"


def test_ci_runs_the_versions_that_the_package_names() -> None:
    if not WORKFLOWS.exists():
        pytest.skip("the source archive has no workflows")
    matrix = re.search(r"python: \[(.*)\]", (WORKFLOWS / "ci.yml").read_text(encoding="utf-8"))
    assert matrix is not None
    assert re.findall(r"\d\.\d+", matrix[1]) == classified()


def test_the_compiler_is_tried_with_the_versions_that_the_package_names() -> None:
    versions = re.search(r"^_VERSIONS: Final = \((.*)\)$", (ROOT / "hatch_build.py").read_text("utf-8"), re.MULTILINE)
    assert versions is not None
    first, last = re.findall(r"\((\d), (\d+)\)", versions[1])
    assert [".".join(first), ".".join(last)] == [classified()[0], classified()[-1]]


def test_wheels_are_tested_with_what_they_lack() -> None:
    """The programs of the test command, and the files that they read."""
    settings = PROJECT["tool"]["cibuildwheel"]
    command = settings["test-command"][0]
    for path in re.findall(r"tests/\S+", command):
        assert (ROOT / path).exists(), path
    for path in settings["test-sources"]:
        assert (ROOT / path).exists(), path


def test_a_release_names_the_repository_it_was_made_in(hook: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    urls = hook.UrlHook(str(ROOT), {})
    metadata: dict[str, Any] = {}
    monkeypatch.delenv(hook.REPOSITORY_VARIABLE, raising=False)
    urls.update(metadata)
    assert metadata["urls"] == {}
    monkeypatch.setenv(hook.REPOSITORY_VARIABLE, "https://forge.example/team/gamesockets/")
    urls.update(metadata)
    assert metadata["urls"]["Source"] == "https://forge.example/team/gamesockets"
    assert (ROOT / "CHANGELOG.md").exists()
    assert (ROOT / "docs" / "index.md").exists()
    monkeypatch.setenv(hook.REPOSITORY_VARIABLE, "forge.example")
    with pytest.raises(SystemExit, match="must begin with https://"):
        urls.update(metadata)
