"""Archives made to break the reader, and damaged ones: tests/support/fuzz_archives.py in short."""

from fuzz_archives import crafted, main, mutations


def test_crafted_and_damaged():
    made = list(crafted())
    assert main(made)[0]["whole"] > 20
    outcomes, _, _ = main(mutations(made, 100, 1))
    assert outcomes.total() == 100
    assert min(outcomes["whole"], outcomes["refused"]) > 5
