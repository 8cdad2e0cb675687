"""Settings of a test session and fixtures: inputs, seeded random numbers, the published files.

One folder of compiled programs serves all workers and every command that a test starts. The process
that starts the session makes it and takes it away; with BSNUNU_CACHE set it is that folder, kept,
or none ("off").
"""

import gc
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import jax
import numpy as np
import pytest
from jax.experimental.compilation_cache.compilation_cache import reset_cache

from bsnunu_jax.foundation.compilation_cache import VARIABLE, use_compilation_cache
from bsnunu_jax.inputs import Inputs, load_inputs

# Most programs of a test run once, and without its newer emitter XLA compiles them three times
# faster. Commands that tests start inherit this.
QUICKLY = (
    "--xla_backend_extra_options=xla_cpu_disable_new_fusion_emitters"
    " --xla_cpu_parallel_codegen_split_count=1"
)
_MADE = pytest.StashKey[str]()

# No silent broadcasting between arrays of different rank. Part of the key of every compiled
# program: set once, not around each test.
jax.config.update("jax_numpy_rank_promotion", "raise")

# Lowering a program makes many objects and no garbage: half of its time went into looking for some.
gc.set_threshold(200_000, 50, 100)

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
    "test_data_get",
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


# Files of about half a minute and more. They are begun first, so that no worker ends long after the
# others; pytest-xdist alone would leave those of few tests for the end.
LONG = {
    "test_belle2_published",
    "test_compare",
    "test_docs",
    "test_fit_end_to_end",
    "test_full_disk",
    "test_jumps",
    "test_kill_runs",
    "test_posterior",
    "test_profile_map",
    "test_project",
    "test_reproduce",
    "test_reproduce_belle2",
    "test_scan",
    "test_scan_hosts",
    "test_scan_store",
    "test_shipped_cards",
}


# Files whose programs run for long: samplers, toys, scans. The programs of all others, and of the
# commands that they start, are compiled without the optimiser, four to five times faster.
RUN_LONG = {"test_jumps", "test_posterior", "test_reproduce_belle2", "test_scan_store", "test_toys"}


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--as-users` compiles as users do, which takes twice as long."""
    parser.addoption("--as-users", action="store_true", help="compile with XLA's own settings")


def pytest_configure(config: pytest.Config) -> None:
    """Before the first program is compiled, and before workers are started."""
    if not hasattr(config, "workerinput"):
        flags = f"{QUICKLY} {os.environ.get('XLA_FLAGS', '')}"
        if not config.getoption("--as-users") and _xla_knows(flags):
            os.environ["XLA_FLAGS"] = flags
        if VARIABLE not in os.environ:
            config.stash[_MADE] = os.environ[VARIABLE] = tempfile.mkdtemp(prefix="bsnunu_tests_")
    use_compilation_cache()


def _xla_knows(flags: str) -> bool:
    """XLA ends the process where it meets a flag that it does not have (any more)."""
    start = [sys.executable, "-c", "import jaxlib.xla_client as x; x.make_cpu_client()"]
    tried = subprocess.run(
        start, env=os.environ | {"XLA_FLAGS": flags}, capture_output=True, check=False
    )
    return tried.returncode == 0


def pytest_unconfigure(config: pytest.Config) -> None:
    """Take the folder away that was made."""
    if (folder := config.stash.get(_MADE, None)) is not None:
        shutil.rmtree(folder, ignore_errors=True)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests of the files that are quick, put the long files first.

    Those of each kind one after the other: see `optimiser`.
    """
    items.sort(key=lambda item: (item.path.stem not in RUN_LONG, item.path.stem not in LONG))
    for item in items:
        if item.path.stem in QUICK:
            item.add_marker(pytest.mark.quick)


@pytest.fixture(scope="module", autouse=True)
def optimiser(request: pytest.FixtureRequest) -> None:
    """Off for programs that run once, on for the files in `RUN_LONG`.

    No program is shared between the two kinds: numbers do not depend on what ran before.
    """
    off = request.path.stem not in RUN_LONG and not request.config.getoption("--as-users")
    if off != jax.config.read("jax_disable_most_optimizations"):
        jax.config.update("jax_disable_most_optimizations", off)
        jax.clear_caches()
    os.environ["JAX_DISABLE_MOST_OPTIMIZATIONS"] = str(off)


@pytest.fixture(scope="session")
def inputs() -> Inputs:
    """The default preset."""
    return load_inputs()


@pytest.fixture(scope="session")
def every_set() -> Inputs:
    """The default preset with form factors of every transition, recommended or not, at t = 0."""
    return load_inputs(form_factors={"Bs->K": "gvdv2020_lcsrlattice"}, time_integrated=False)


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same ones in every test."""
    return np.random.default_rng(230912741)


@pytest.fixture
def no_cache() -> Iterator[None]:
    """No compiled programs from the folder of the session."""
    folder = jax.config.jax_compilation_cache_dir
    jax.config.update("jax_compilation_cache_dir", None)
    reset_cache()
    yield
    jax.config.update("jax_compilation_cache_dir", folder)
    reset_cache()


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
