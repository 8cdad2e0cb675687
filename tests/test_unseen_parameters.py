"""Parameters that the data do not see: every command names them, none counts or bounds them."""

import json

import pytest

from bsnunu_jax.cli import main

CARD = """\
title: one that the data see and one of b -> d
model: neutrinos
inputs: {{nuisances: []}}
parameters:
{parameters}
data: [mine.yaml]
best_fit: {{starts: 2}}
sampler: {{chains: 1, warmup: 50, draws: 60, block: 50}}
"""
SEEN = "  CR_mutau: {prior: {uniform: [0, 40]}, mirror: true, also: [CR_taumu]}"
UNSEEN = "  CL_bd_tautau: {prior: {uniform: [-30, 30]}}"
DATA = """\
measurements:
- {id: one, title: one, observable: R_K_nunu, value: 1.8, errors: [[0.5, -0.5]]}
- {id: two, title: two, observable: R_K_nunu, value: 1.4, errors: [[0.5, -0.5]]}
- {id: three, title: three, observable: R_K_nunu, value: 1.1, errors: [[0.5, -0.5]]}
"""


@pytest.fixture
def cards(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(DATA)
    for name, lines in {"seen": [SEEN], "both": [SEEN, UNSEEN], "blind": [UNSEEN]}.items():
        (tmp_path / f"{name}.yaml").write_text(CARD.format(parameters="\n".join(lines)))


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (["limit", "both.yaml", "--parameter", "CL_bd_tautau"], "--parameter"),
        (["project", "both.yaml", "--factor", "2", "--parameter", "CL_bd_tautau"], "--parameter"),
        (["profile", "both.yaml", "--over", "CL_bd_tautau", "--out", "p"], "--over"),
        (["profile", "both.yaml", "--over", "CR_mutau", "--over", "CL_bd_tautau"], "--over"),
    ],
)
def test_one_line_names_it(arguments, where, cards, capsys):
    code, out, err = run(capsys, *arguments, "--quiet")
    assert (code, out) == (2, "")
    assert err == (
        f"bsnunu: error: {where}: the data do not see CL_bd_tautau: -2 ln L does not change with "
        "it; take one that they see (CR_mutau), or add data that read it\n"
    )


@pytest.mark.parametrize(
    "arguments", [["limit"], ["fit"], ["project", "--factor", "2"], ["profile", "--over", UNSEEN]]
)
def test_nothing_that_is_seen(arguments, cards, capsys):
    arguments = [a if a != UNSEEN else "CL_bd_tautau" for a in arguments]
    code, out, err = run(capsys, *arguments, "blind.yaml", "--quiet")
    assert (code, out) == (2, "")
    assert err.startswith("bsnunu: error: the data do not see CL_bd_tautau: no fitted parameter")
    # The couplings of this model enter in no products.
    assert err.endswith("; add data that read them\n")


def test_it_changes_nothing_beside_the_others(cards, capsys):
    """The limit and the degrees of freedom of a card without it, one of them in words too."""
    found = {}
    for name in ("seen", "both"):
        limit = ["limit", f"{name}.yaml", "--parameter", "CR_mutau", "--quiet", "--out", name]
        code, out, _ = run(capsys, *limit, "--json")
        assert code == 0
        found[name] = json.loads(out)
    one, other = found["seen"], found["both"]
    assert one["goodness_of_fit"]["dof"] == other["goodness_of_fit"]["dof"] == 2
    for key in ("statistic", "p_value"):
        theirs = other["goodness_of_fit"][key]
        assert theirs == pytest.approx(one["goodness_of_fit"][key], rel=1e-6)
    assert other["upper_limit"]["observed"] == pytest.approx(
        one["upper_limit"]["observed"], rel=1e-5
    )
    assert other["not_seen"] == []


def test_one_degree_of_freedom(cards, capsys, tmp_path):
    two = DATA.splitlines()[:3]
    (tmp_path / "mine.yaml").write_text("\n".join(two))
    _, out, _ = run(capsys, "limit", "seen.yaml", "--quiet")
    assert "for 1 degree of freedom, p =" in out
