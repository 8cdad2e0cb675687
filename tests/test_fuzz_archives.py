"""Archives made to break the reader, and damaged ones: tests/fuzz_archives.py in short."""

from fuzz_archives import crafted, main, mutations


def test_crafted():
    outcomes, _, _ = main(crafted())
    assert outcomes["whole"] > 20


def test_damaged():
    outcomes, _, _ = main(mutations(100, 1))
    assert outcomes.total() == 100
    assert min(outcomes["whole"], outcomes["refused"]) > 5
