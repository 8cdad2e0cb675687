"""Mutated cards, measurement files and WCxf files: an InputError, or read as what they say."""

import pytest
from fuzz_inputs import KINDS, Kind, run

from bsnunu_jax.foundation.errors import InputError

CASES = 84  # of each of six kinds; `python tests/support/fuzz_inputs.py all 5000` runs more


@pytest.mark.parametrize("name", KINDS)
def test_mutated_files(name):
    tally = run(name, KINDS[name], range(CASES), seed=1)
    assert not tally.faults, tally.faults[0]
    # neither all refused nor all read: the mutations are worth something
    assert 0 < sum(o.read for o in tally.outcomes) < CASES


def test_faults_are_found():
    """A traceback, and a file read as something else."""

    def read(path, tree):
        first = path.read_bytes()[:1]
        if first == b"v":
            return None
        if first == b"a":
            raise KeyError
        raise InputError("x") if first == b"b" else AssertionError("read as something else")

    kind = Kind(lambda: [b"v"], read, lambda content, rng: (rng.choice([b"a", b"b", b"c"]), None))
    outcomes = run("none", kind, range(30), seed=1).outcomes
    assert {bool(o.fault) for o in outcomes if o.message} == {False}
    assert {o.fault.partition(":")[0] for o in outcomes if o.fault} == {
        "KeyError",
        "AssertionError",
    }
