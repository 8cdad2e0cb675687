"""Boxes of leptoquarks in Bs mixing against a numerical loop with spinors and colours."""

from itertools import product

import brute_force_boxes as brute
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax.inputs import load_inputs
from bsnunu_jax.models import boxes, get_model
from bsnunu_jax.observables import bs_mixing

INPUTS = load_inputs("flavio")
LEPTONS = ("e", "mu", "tau")
MASS = 1.7  # TeV
EPSILON = np.array([[0, 1], [-1, 0]])
TRIPLET = (
    np.array([[1, 0], [0, -1]]),
    np.sqrt(2) * np.array([[0, 1], [0, 0]]),
    np.sqrt(2) * np.array([[0, 0], [1, 0]]),
)
# Eqs. (13)-(14) of arXiv:2309.12741: [component of the leptoquark, of the lepton] for down quarks.
COMPONENTS = {
    "S0": EPSILON[None, 1],
    "S1": np.array([(EPSILON @ t)[1] for t in TRIPLET]),
    "S2tilde": np.eye(2),
}
COLOURS = ((0, 0, 0, 0), (0, 1, 0, 1), (0, 1, 1, 0), (0, 1, 2, 1))


def random(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.normal(size=shape) + 1j * rng.normal(size=shape)


def compare(rng, y, masses, C: complex, *, right: bool, direct: bool) -> None:
    """C [TeV^-2] of (sbar gamma P b)^2 and the box are one amplitude, for all spins and colours."""
    for colours in COLOURS:
        u = random(rng, 4, 4)
        loop = brute.box(u, colours, y, masses, direct=direct, right=right) / masses[0] ** 2
        tree = C * brute.contact(u, colours, right=right)
        assert loop == pytest.approx(tree, rel=1e-10, abs=0)


@pytest.mark.parametrize("name", COMPONENTS)
def test_box_of_one_leptoquark(name: str, rng: np.random.Generator) -> None:
    lam = random(rng, 3, 3)
    given = {f"lam_{k + 1}{LEPTONS[j]}": lam[k, j] for k, j in np.ndindex(3, 3)}
    mixing = get_model(name).build(given | {"M": MASS}, INPUTS).mixing
    parts = {n: 1e6 * complex(getattr(mixing, f"C_{n}")) for n in ("VLL", "VRR", "VLR", "SLR")}
    right = name == "S2tilde"
    C = parts.pop("VRR" if right else "VLL")
    assert set(parts.values()) == {0}
    assert float(mixing.mu) == 1000 * MASS
    weights = COMPONENTS[name]
    # [component of the leptoquark, (s, b), component of the lepton and its flavour].
    y = np.einsum("Ab,kj->Akbj", weights, lam[1:]).reshape(len(weights), 2, 6)
    compare(rng, y, [MASS] * len(weights), C, right=right, direct=right)
    # sum lam_s lam_b^*: literature, e.g. 5/(128 pi^2) of the triplet in H.
    X = lam[1] @ np.conj(lam[2])
    X = X if right else np.conj(X)
    expected = -{"S0": 1, "S1": 5, "S2tilde": 2}[name] * X**2 / (128 * np.pi**2 * MASS**2)
    assert pytest.approx(expected, rel=1e-12) == C


def test_boxes_of_squarks(rng: np.random.Generator) -> None:
    """All squarks at once, with masses of their own: two scalars in one box."""
    lamp = random(rng, 3, 3, 3)
    down, up, single = rng.uniform(1, 4, (3, 3))
    given = {f"lamp_{i + 1}{j + 1}{k + 1}": lamp[i, j, k] for i, j, k in np.ndindex(3, 3, 3)}
    for stem, masses in (("m_sdL", down), ("m_suL", up), ("m_sdR", single)):
        given |= {f"{stem}{g + 1}": m for g, m in enumerate(masses)}
    mixing = get_model("rpv").build(given, INPUTS).mixing
    # lamp_ijk (dbar_Rk nu_i sdL_j - dbar_Rk l_i suL_j + nubar^c_i d_Lj sdR_k^*).
    doublets = lamp[:, :, 1:].transpose(1, 2, 0)
    y = np.concatenate([np.pad(doublets, ((0, 0), (0, 0), (0, 3)))] * 2)
    y[3:] = -np.roll(y[3:], 3, axis=2)
    masses = [*down, *up]
    compare(rng, y, masses, 1e6 * complex(mixing.C_VRR), right=True, direct=True)
    singlets = lamp[:, 1:, :].transpose(2, 1, 0)
    compare(rng, singlets, list(single), 1e6 * complex(mixing.C_VLL), right=False, direct=False)
    everything = [*down, *up, *single]
    assert float(mixing.mu) == pytest.approx(1000 * np.exp(np.mean(np.log(everything))), rel=1e-12)


def test_squarks_alone(rng: np.random.Generator) -> None:
    """One squark is the leptoquark of its quantum numbers; without a mass it is not there."""
    a, b = 0.4 - 0.2j, 0.7 + 0.1j
    scalar = {"M": 2.0, "lam_2tau": a, "lam_3tau": b}
    for squark, name, names in (
        ("m_sdR1", "S0", ("lamp_321", "lamp_331")),
        ("m_sdL1", "S2tilde", ("lamp_312", "lamp_313")),
    ):
        given = {squark: 2.0} | dict(zip(names, (a, b), strict=True))
        found, expected = (
            get_model(m).build(p, INPUTS).mixing for m, p in (("rpv", given), (name, scalar))
        )
        for x, y in zip(jax.tree.leaves(found), jax.tree.leaves(expected), strict=True):
            assert complex(x) == pytest.approx(complex(y), rel=1e-12, abs=0)


def test_exchange_of_two_masses() -> None:
    """Smooth where they are equal, with its slope."""
    for a, b in product((1.0, 4.0, 1e4), repeat=2):
        found = float(boxes.exchange(jnp.asarray(a), jnp.asarray(b)))
        expected = 1 / a if a == b else np.log(a / b) / (a - b)
        assert found == pytest.approx(expected, rel=1e-13)
    slope = jax.grad(boxes.exchange)
    for b in (1.0, 1.0 + 1e-9, 1.001, 1.0021):
        h = 1e-4
        numeric = (np.log((1 + h) / b) / (1 + h - b) - np.log((1 - h) / b) / (1 - h - b)) / (2 * h)
        if b > 1 + 1e-8:
            assert float(slope(1.0, b)) == pytest.approx(numeric, rel=1e-5)
        else:
            assert float(slope(1.0, b)) == pytest.approx(-0.5, rel=1e-8)


def test_size() -> None:
    """S2tilde of 2 TeV with lam_3tau lam_2tau = 0.1: + 4 % in Delta M_s; as M^2 at fixed C_R."""
    # C_R is fixed by lam lam/M^2.
    shifts, C_R = [], []
    for M in (2.0, 4.0):
        s = get_model("S2tilde").build({"M": M, "lam_3tau": M / 2, "lam_2tau": 0.05 * M}, INPUTS)
        shifts.append(float(bs_mixing.delta_m_ratio(s, INPUTS)) - 1)
        C_R.append(complex(s.invisible[0].CR[2, 2]))
    assert C_R[0] == pytest.approx(C_R[1], rel=1e-12)
    assert 0.02 < shifts[0] < 0.06
    # The running from 4 to 2 TeV is 2 %.
    assert shifts[1] / shifts[0] == pytest.approx(4, rel=0.03)


def test_a_phase_of_the_couplings_is_seen_twice() -> None:
    def phase(angle: float) -> float:
        lam = {"M": 2.0, "lam_3tau": 1.0, "lam_2tau": 0.3 * np.exp(1j * angle)}
        s = get_model("S1").build(lam, INPUTS)
        return float(np.angle(complex(bs_mixing.ratio(s, INPUTS)) - 1))

    assert phase(0.0) == pytest.approx(0.0, abs=1e-12)
    # (lam_3 lam_2^*)^2.
    assert phase(0.4) == pytest.approx(-0.8, rel=1e-12)


@pytest.mark.parametrize("name", ["V1", "V2"])
def test_vectors_have_no_number(name: str, rng: np.random.Generator) -> None:
    """Their box grows with the square of a cutoff."""
    s = get_model(name).build({"M": 2.0, "lam_3tau": 1.0, "lam_2tau": 0.1}, INPUTS)
    assert "mixing" not in s.given
    u = random(rng, 4, 4)
    near, far = (brute.vector_box(u, cutoff) for cutoff in (30.0, 90.0))
    assert far / near == pytest.approx(9, rel=0.05)


def test_gradients() -> None:
    def shift(p: dict[str, float], model: str) -> jax.Array:
        return bs_mixing.delta_m_ratio(get_model(model).build(p, INPUTS), INPUTS)

    for model, p in (
        ("S1", {"M": 2.0, "lam_3tau": 1.0, "lam_2tau": 0.2}),
        ("S1", {"M": 2.0, "lam_3tau": 0.0, "lam_2tau": 0.0}),
        ("rpv", {"m_sdR1": 2.0, "m_sdR2": 2.0, "lamp_321": 0.2, "lamp_331": 1.0, "lamp_332": 0.3}),
    ):
        slopes = jax.jit(jax.grad(shift), static_argnums=1)(p, model)
        assert np.isfinite(list(slopes.values())).all()
