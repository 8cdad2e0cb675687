"""Fixtures: the default inputs, seeded random numbers, Belle II's published files where present."""

import os
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest

from bsnunu_jax.inputs import Inputs, load_inputs

# No compiled programs in the home of whoever runs the tests.
os.environ.setdefault("BSNUNU_CACHE", "off")

LIKELIHOOD_VARIABLE = "BSNUNU_BELLE2_KNUNU"
LIKELIHOOD_FILES = (
    "combined_likelihood.json",
    "number_density_ita_regA.csv",
    "number_density_ita_regB.csv",
    "number_density_hta.csv",
)


# The tests that .ci/lower-bounds runs: every dependency is used by one.
QUICK = {
    "test_cli",
    "test_config",
    "test_data_command",
    "test_form_factors",
    "test_hostile_server",
    "test_inputs",
    "test_lower_bounds",
    "test_marginal_poisson",
    "test_report",
    "test_run_folder",
    "test_spectra",
    "test_tree_level",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the files that are quick."""
    for item in items:
        if item.path.stem in QUICK:
            item.add_marker(pytest.mark.quick)


@pytest.fixture(scope="session")
def inputs() -> Inputs:
    """The default preset."""
    return load_inputs()


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same ones in every test."""
    return np.random.default_rng(230912741)


@pytest.fixture(autouse=True)
def strict_shapes() -> Iterator[None]:
    """Refuse silent broadcasting between arrays of different rank."""
    with jax.numpy_rank_promotion("raise"):
        yield


@pytest.fixture(scope="session")
def likelihood_dir() -> Path:
    """The folder with Belle II's published likelihood of B+ -> K+ nu nubar."""
    where = os.environ.get(LIKELIHOOD_VARIABLE)
    if not where:
        pytest.skip(
            f"{LIKELIHOOD_VARIABLE} is not set: it must name the folder with the files of the "
            f"HEPData record 10.17182/hepdata.166082 ({', '.join(LIKELIHOOD_FILES)})"
        )
    folder = Path(where)
    missing = [name for name in LIKELIHOOD_FILES if not (folder / name).is_file()]
    if missing:
        pytest.fail(f"{LIKELIHOOD_VARIABLE}={where} lacks {', '.join(missing)}")
    return folder
