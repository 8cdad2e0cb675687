"""The lowest versions that are stated are those that are tried, and so are the Pythons."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
DEPENDENCIES = [Requirement(text) for text in PROJECT["dependencies"]]
TEST = [Requirement(text) for text in PROJECT["optional-dependencies"]["test"]]


def lowest(requirement):
    """The lower bound of a requirement, which has to have one."""
    (bound,) = (s.version for s in requirement.specifier if s.operator == ">=")
    return Version(bound)


def tried():
    """Version by name in constraints-lower.txt."""
    lines = (ROOT / "constraints-lower.txt").read_text(encoding="utf-8").splitlines()
    pins = [Requirement(line) for line in lines if not line.startswith("#")]
    assert all([s.operator for s in pin.specifier] == ["=="] for pin in pins)
    assert len({pin.name for pin in pins}) == len(pins)
    return {pin.name: Version(next(iter(pin.specifier)).version) for pin in pins}


@pytest.mark.parametrize("requirement", DEPENDENCIES, ids=str)
def test_every_dependency_is_tried_at_its_lower_bound(requirement):
    assert tried()[requirement.name] == lowest(requirement)


def test_nothing_else_is_pinned():
    stated = {r.name: lowest(r) for r in [*DEPENDENCIES, *TEST] if r.specifier}
    assert tried().items() <= stated.items()


def test_the_script_of_ci_tries_them():
    script = (ROOT / ".ci" / "lower-bounds").read_text(encoding="utf-8")
    assert ".ci/lower-bounds" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
    for word in (
        "-r constraints-lower.txt",
        "bsnunu fit",
        "bsnunu limit",
        "bsnunu scan",
        "-m quick",
    ):
        assert word in script


def test_readme_and_classifiers_name_the_same_pythons():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (named,) = re.findall(r"with Python ([\d., or]+?) \(", readme)
    classified = [c.rpartition(" ")[2] for c in PROJECT["classifiers"] if ":: Python ::" in c]
    assert re.findall(r"3\.\d+", named) == classified
    assert PROJECT["requires-python"] == f">={classified[0]}"
