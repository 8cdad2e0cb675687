"""Modules that the documentation of 0.1 taught are still there, and say where they went."""

import importlib
import pkgutil
import warnings

import pytest

import bsnunu_jax
from bsnunu_jax.foundation.old_names import MOVED

# As in the documentation of 0.1: module and name.
TAUGHT = [
    ("config", "Card", "cards.run_card"),
    ("quadrature", "NODES", "numerics.quadrature"),
    ("rates", "gamma", "rates.kernels"),
    ("inference.best_fit", "best_fit", "inference.fits.best_fit"),
    ("inference.parameters", "Uniform", "inference.problem.parameters"),
    ("inference.problem", "Problem", "inference.problem.problem"),
    ("inference.profile_map", "profile_map", "inference.fits.profile_map"),
    ("invisible", "Neutrinos", "states"),
    ("invisible.base", "InvisibleState", "states.base"),
    ("observables", "branching_fraction", "observables.branching"),
    ("redist_bridge", "bridge", "exchange.redist"),
]


@pytest.fixture(autouse=True)
def unloaded(monkeypatch):
    """A module warns where it is imported first."""
    import sys

    for name in MOVED:
        monkeypatch.delitem(sys.modules, f"bsnunu_jax.{name}", raising=False)
    yield
    for name in MOVED:
        sys.modules.pop(f"bsnunu_jax.{name}", None)


@pytest.mark.parametrize(("old", "name", "new"), TAUGHT)
def test_taught(old, name, new):
    with pytest.warns(DeprecationWarning, match="now") as said:
        exec(f"from bsnunu_jax.{old} import {name}", found := {})
    assert found[name] is getattr(importlib.import_module(f"bsnunu_jax.{new}"), name)
    assert f"bsnunu_jax.{old}" in str(said[-1].message)
    # The user's line, not a line of the import system.
    assert said[-1].filename == "<string>"


def test_every_old_name_leads_somewhere():
    for old in MOVED:
        with pytest.warns(DeprecationWarning, match=old):
            module = importlib.import_module(f"bsnunu_jax.{old}")
        assert dir(module) == dir(importlib.import_module(f"bsnunu_jax.{MOVED[old]}"))
        with pytest.raises(AttributeError):
            module.no_such_name


def test_new_names_do_not_warn():
    modules = [m.name for m in pkgutil.walk_packages(bsnunu_jax.__path__, "bsnunu_jax.")]
    assert not {f"bsnunu_jax.{old}" for old in MOVED} & set(modules)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        from bsnunu_jax.rates import kernels
    assert kernels.__name__ == "bsnunu_jax.rates.kernels"
    with pytest.raises(ImportError):
        importlib.import_module("bsnunu_jax.no_such_room")
