"""Every example in a docstring gives what it shows."""

import doctest
import importlib
import pkgutil

import pytest

import bsnunu_jax

MODULES = [
    m.name
    for m in pkgutil.walk_packages(bsnunu_jax.__path__, "bsnunu_jax.")
    if not m.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    module = importlib.import_module(name)
    found = doctest.testmod(module, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0


def test_there_are_examples():
    modules = [importlib.import_module(name) for name in MODULES]
    finder = doctest.DocTestFinder(exclude_empty=True)
    assert sum(bool(t.examples) for m in modules for t in finder.find(m)) >= 10
