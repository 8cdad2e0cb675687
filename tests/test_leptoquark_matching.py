"""Tree-level matching against Lagrangians written out in anticommuting components, no Fierz.

L = X^dagger-components times currents + h.c.; a scalar leaves J^dagger J/M^2, a vector
-J^dagger_mu J^mu/M^2. Coefficients of the package must give the same polynomial in the fields.
"""

from functools import cache

import grassmann as g
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bsnunu_jax.inputs import Inputs, load_inputs
from bsnunu_jax.inputs.running import SCALAR, TENSOR, factor
from bsnunu_jax.models import get_model
from bsnunu_jax.models.matching import ckm
from bsnunu_jax.states.sectors import Sectors

INPUTS = load_inputs("flavio")
V = np.asarray(ckm(INPUTS))
VALUES = {k: float(x) for k, x in INPUTS.values.items()}
LEPTONS = ("e", "mu", "tau")
MASS = 2.0  # TeV
NAMES = ("S0", "S1", "V1", "S2tilde", "V2")
DOWN = ("d", "s", "b")
TOLERANCE = 1e-12


@cache
def couplings() -> np.ndarray:
    """Complex lam[generation, lepton]."""
    rng = np.random.default_rng(16)
    return rng.normal(size=(3, 3)) + 1j * rng.normal(size=(3, 3))


def upper(k: int) -> tuple[complex, str]:
    """What (V^dagger u)_k has of the c quark."""
    return np.conj(V[1, k]), "c"


def quark(k: int, a: int) -> tuple[complex, str]:
    """Component a of the doublet q_k."""
    return upper(k) if a == 0 else (1.0, DOWN[k])


def lepton(j: int, a: int) -> str:
    return ("nu_" if a == 0 else "l_") + LEPTONS[j]


EPSILON = np.array([[0, 1], [-1, 0]])  # i tau_2
# tau.S^dagger by its independent components, Eq. (14).
TRIPLET = (
    np.array([[1, 0], [0, -1]]),
    np.sqrt(2) * np.array([[0, 1], [0, 0]]),
    np.sqrt(2) * np.array([[0, 0], [1, 0]]),
)


def doublet_sum(tensor: np.ndarray, kind: str) -> list[g.Polynomial]:
    """sum lam qbar_a T_ab l_b over generations; one polynomial a Lorentz component."""
    terms: dict[int, list[tuple[complex, g.Polynomial]]] = {}
    for k, j in np.ndindex(3, 3):
        for a, b in zip(*np.nonzero(tensor), strict=True):
            c, q = quark(k, a)
            if kind == "scalar":
                # The conjugate of q, barred: it contains q and not its conjugate.
                pieces = [g.conjugated(q, g.PL, lepton(j, b))]
            else:
                pieces = g.currents(q, g.PL, lepton(j, b))
                c = np.conj(c)
            for n, piece in enumerate(pieces):
                terms.setdefault(n, []).append((couplings()[k, j] * tensor[a, b] * c, piece))
    return [g.add(*terms[n]) for n in sorted(terms)]


def singlet_sum(kind: str, a: int) -> list[g.Polynomial]:
    """sum lam dbar_R l_a, or gamma_mu between the conjugated d_R and l_a."""
    terms: dict[int, list[tuple[complex, g.Polynomial]]] = {}
    for k, j in np.ndindex(3, 3):
        if kind == "scalar":
            pieces = [g.bilinear(DOWN[k], g.PL, lepton(j, a))]
        else:
            pieces = [g.conjugated(DOWN[k], m @ g.PL, lepton(j, a)) for m in g.GAMMA]
        for n, piece in enumerate(pieces):
            terms.setdefault(n, []).append((couplings()[k, j], piece))
    return [g.add(*terms[n]) for n in sorted(terms)]


@cache
def effective(name: str) -> g.Polynomial:
    """L_eff at tree level [GeV^-2]."""
    currents = {
        "S0": lambda: [doublet_sum(EPSILON, "scalar")],
        "S1": lambda: [doublet_sum(EPSILON @ t, "scalar") for t in TRIPLET],
        "V1": lambda: [doublet_sum(t, "vector") for t in TRIPLET],
        "S2tilde": lambda: [singlet_sum("scalar", a) for a in (0, 1)],
        "V2": lambda: [singlet_sum("vector", a) for a in (0, 1)],
    }[name]()
    terms = []
    for J in currents:  # one a component of the multiplet
        bars = [g.dagger(x) for x in J]
        terms.append(
            (1.0, g.multiply(bars[0], J[0])) if len(J) == 1 else (-1.0, g.contract(bars, J))
        )
    return g.add(*((x / (1000 * MASS) ** 2, p) for x, p in terms))


def built(name: str, **more: complex) -> Sectors:
    parameters = {f"lam_{k + 1}{LEPTONS[j]}": couplings()[k, j] for k, j in np.ndindex(3, 3)} | {
        "M": MASS
    }
    return get_model(name).build(parameters | more, INPUTS)


def N_0() -> float:
    """(4 GF/sqrt2) VtbVts* alpha/(4 pi), negative; L = N_0 sum C O."""
    return (
        -4
        * VALUES["GF"]
        / np.sqrt(2)
        * VALUES["VtbVts_abs"]
        * VALUES["alpha_em_mb_4p8"]
        / (4 * np.pi)
    )


def of_neutrinos(sectors: Sectors) -> g.Polynomial:
    state, terms = sectors.invisible[0], []
    for C, P in ((state.CL, g.PL), (state.CR, g.PR)):
        for i, j in np.ndindex(3, 3):
            op = g.four_fermion("s", P, "b", lepton(i, 0), 2 * g.PL, lepton(j, 0))
            terms.append((N_0() * complex(C[i, j]), op))
    return g.add(*terms)


def of_charged(sectors: Sectors) -> g.Polynomial:
    c, terms = sectors.charged, []
    for C, P, D in (
        (c.C9, g.PL, np.eye(4)),
        (c.C10, g.PL, g.GAMMA5),
        (c.C9p, g.PR, np.eye(4)),
        (c.C10p, g.PR, g.GAMMA5),
    ):
        for i, j in np.ndindex(3, 3):
            op = g.four_fermion("s", P, "b", lepton(i, 1), D, lepton(j, 1))
            terms.append((N_0() * complex(C[i, j]), op))
    return g.add(*terms)


def of_current(sectors: Sectors) -> g.Polynomial:
    scale = -4 * VALUES["GF"] / np.sqrt(2) * VALUES["Vcb"]
    return g.add(
        *(
            (
                scale * complex(sectors.current.CVL[i, j]),
                g.four_fermion("c", g.PL, "b", lepton(i, 1), g.PL, lepton(j, 0)),
            )
            for i, j in np.ndindex(3, 3)
        )
    )


def same(exact: g.Polynomial, ours: g.Polynomial, quark: str, bar: int, other: int) -> None:
    """All flavours of (quark b)(lepton_bar lepton) agree."""
    size = max((abs(c) for c in exact.values()), default=1.0)
    for i, j in np.ndindex(3, 3):
        fields = {(quark, True), ("b", False), (lepton(i, bar), True), (lepton(j, other), False)}
        a, b = g.part(exact, fields), g.part(ours, fields)
        difference = max((abs(x) for x in g.add((1, a), (-1, b)).values()), default=0.0)
        assert difference < TOLERANCE * size


@pytest.mark.parametrize("name", NAMES)
def test_coefficients_are_those_of_the_lagrangian(name: str) -> None:
    exact, sectors = effective(name), built(name)
    same(exact, of_neutrinos(sectors), "s", 0, 0)
    same(exact, of_charged(sectors), "s", 1, 1)
    same(exact, of_current(sectors), "c", 1, 0)


@pytest.mark.parametrize("name", NAMES)
def test_something_is_there_to_compare(name: str) -> None:
    """Neutrinos in all five models, the others where the table has them."""
    exact = effective(name)
    for quark_, bar, other, expected in (
        ("s", 0, 0, True),
        ("s", 1, 1, name != "S0"),
        ("c", 1, 0, name in ("S0", "S1", "V1")),
    ):
        fields = {(quark_, True), ("b", False), (lepton(0, bar), True), (lepton(1, other), False)}
        found = g.part(exact, fields)
        assert (max(map(abs, found.values()), default=0.0) > 1e-9) == expected


def test_relations_of_the_paper() -> None:
    """Eqs. (15a), (15b), (16)."""
    for name, ratio in (("S0", 0.0), ("S1", 2.0), ("V1", 0.5)):
        s = built(name)
        np.testing.assert_allclose(s.charged.C9, ratio * s.invisible[0].CL, rtol=1e-14)
        np.testing.assert_allclose(s.charged.C10, -s.charged.C9, rtol=1e-14)
        assert not np.any(s.invisible[0].CR)
    pi = np.pi / (np.sqrt(2) * VALUES["alpha_em_mb_4p8"] * VALUES["GF"] * -VALUES["VtbVts_abs"])
    lam, m2 = couplings(), (1000 * MASS) ** 2
    for name, expected in (
        ("S2tilde", -pi / (2 * m2) * np.outer(lam[2].conj(), lam[1])),
        ("V2", pi / m2 * np.outer(lam[1].conj(), lam[2])),
    ):
        s = built(name)
        np.testing.assert_allclose(s.invisible[0].CR, expected, rtol=1e-13)
        np.testing.assert_allclose(s.charged.C9p, expected, rtol=1e-13)
        np.testing.assert_allclose(s.charged.C10p, -expected, rtol=1e-13)


@pytest.mark.parametrize("name", NAMES)
def test_rank_one(name: str) -> None:
    state = built(name).invisible[0]
    values = np.linalg.svd(np.asarray(state.CL + state.CR), compute_uv=False)
    assert values[1] < 1e-14 * values[0]


@pytest.mark.parametrize("name", ["S0", "S1", "V1"])
def test_su2_relation(name: str) -> None:
    """CVL = (alpha/2 pi) (VtbVts* Vcs/Vcb)(C_L - C_9) from k = 2, without k = 1."""
    s = built(name, **{f"lam_1{i}": 0.0 for i in LEPTONS})
    lam, m2 = couplings(), (1000 * MASS) ** 2
    product = VALUES["VtbVts_abs"] * -V[1, 1] / VALUES["Vcb"]
    relation = (
        VALUES["alpha_em_mb_4p8"]
        / (2 * np.pi)
        * product
        * np.asarray(s.invisible[0].CL - s.charged.C9)
    )
    # The term k = 3, whose flavour structure is that of b b.
    beauty = np.outer(lam[2].conj(), lam[2]) / m2
    K = {"S0": -0.5, "S1": 0.5, "V1": 1.0}[name]
    rest = -np.sqrt(2) * K * V[1, 2] / (4 * VALUES["GF"] * VALUES["Vcb"]) * beauty
    np.testing.assert_allclose(s.current.CVL, relation + rest, rtol=1e-12)


def smeft(**parameters: complex) -> Sectors:
    return get_model("smeft").build(parameters, INPUTS)


def lq_lagrangian(c: np.ndarray, triplet: bool) -> g.Polynomial:
    """C^{ij} (Lbar_i [tau] gamma L_j)(Qbar_2 [tau] gamma Q_3) with C in GeV^-2."""
    pauli = [np.array(x) for x in ([[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]])]
    terms = []
    for tau in pauli if triplet else [np.eye(2)]:
        quarks = [
            (tau[a, b] * np.conj(x) * y, g.currents(p, g.PL, q))
            for a, b in zip(*np.nonzero(tau), strict=True)
            for (x, p), (y, q) in [(quark(1, a), quark(2, b))]
        ]
        for i, j in np.ndindex(3, 3):
            for a, b in zip(*np.nonzero(tau), strict=True):
                leptons = g.currents(lepton(i, a), g.PL, lepton(j, b))
                terms += [(c[i, j] * tau[a, b] * w, g.contract(q, leptons)) for w, q in quarks]
    return g.add(*terms)


@pytest.mark.parametrize("stem", ["Clq1", "Clq3"])
def test_smeft_is_the_lagrangian(stem: str) -> None:
    c = couplings() * 1e-2
    exact = lq_lagrangian(c * 1e-6, stem == "Clq3")
    s = smeft(**{f"{stem}_{LEPTONS[i]}{LEPTONS[j]}": c[i, j] for i, j in np.ndindex(3, 3)})
    same(exact, of_neutrinos(s), "s", 0, 0)
    same(exact, of_charged(s), "s", 1, 1)
    same(exact, of_current(s), "c", 1, 0)


@pytest.mark.parametrize(
    ("name", "lq1", "lq3", "ld"),
    [
        ("S0", 1 / 4, -1 / 4, 0),
        ("S1", 3 / 4, 1 / 4, 0),
        ("V1", -3 / 2, 1 / 2, 0),
        ("S2tilde", 0, 0, -1 / 2),
        ("V2", 0, 0, 1),
    ],
)
def test_leptoquarks_as_smeft(name: str, lq1: float, lq3: float, ld: float) -> None:
    lam = couplings()
    bar, other = (lam[2], lam[1]) if name in ("V1", "S2tilde") else (lam[1], lam[2])
    flavour = np.outer(bar.conj(), other) / MASS**2
    s = smeft(
        **{
            f"{stem}_{LEPTONS[i]}{LEPTONS[j]}": x * flavour[i, j]
            for stem, x in (("Clq1", lq1), ("Clq3", lq3), ("Cld", ld))
            for i, j in np.ndindex(3, 3)
        }
    )
    full = built(name)
    # Without Bs mixing, which is a box.
    first, second = ((x.invisible, x.charged, x.current) for x in (full, s))
    for a, b in zip(jax.tree.leaves(first), jax.tree.leaves(second), strict=True):
        if a.shape == (3, 3) and a is not full.current.CVL:
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("tensor", [False, True])
def test_right_handed_neutrinos(tensor: bool) -> None:
    """(Lbar^a N) eps_ab (Qbar^b d) and its conjugate against the operators of SterileNeutrino."""
    c, i, factor_of = 0.3 - 0.2j, 1, {False: SCALAR, True: TENSOR}[tensor]
    stem = "CLNQdT" if tensor else "CLNQd"

    def lagrangian(first: int, second: int) -> g.Polynomial:
        terms = []
        for a, b in ((0, 1), (1, 0)):
            x, q = quark(first, b)
            eps = 1.0 if a == 0 else -1.0
            if tensor:
                op = g.contract_tensors(
                    g.tensors(lepton(i, a), g.PR, "N"), g.tensors(q, g.PR, DOWN[second])
                )
            else:
                op = g.multiply(
                    g.bilinear(lepton(i, a), g.PR, "N"), g.bilinear(q, g.PR, DOWN[second])
                )
            terms.append((c * 1e-6 * eps * np.conj(x), op))
        L = g.add(*terms)
        return g.add((1, L), (1, g.dagger(L)))

    run = float(factor(factor_of, 1000.0, 4.8, INPUTS))
    for k, (first, second) in {"": (1, 2), "32": (2, 1)}.items():
        (state,) = smeft(**{f"{stem}{k}_mu": c, "mN": 0.5}).invisible[1:]
        assert state.pair == "nuN"
        coefficients = {n: complex(x) / run for n, x in state.coefficients.items() if abs(x) > 0}
        assert len(coefficients) == 1
        ((name, value),) = coefficients.items()
        P = {"L": g.PL, "R": g.PR}[name[-1]]
        # For 32 the roles are swapped: (Nbar nu) in place of (nubar N).
        bar, other = ("N", "nu_mu") if k else ("nu_mu", "N")
        if tensor:
            op = g.contract_tensors(g.tensors("s", P, "b"), g.tensors(bar, P, other))
        else:
            op = g.multiply(g.bilinear("s", P, "b"), g.bilinear(bar, P, other))
        fields = {("s", True), ("b", False), (bar, True), (other, False)}
        assert g.distance(g.part(lagrangian(first, second), fields), g.add((value, op))) < TOLERANCE


def test_vector_operators_of_n_do_not_run() -> None:
    (state,) = smeft(CQN=2.0, CdN=3j, mN=0.5, scale=3000.0).invisible[1:]
    assert state.pair == "NN"
    assert complex(state.coefficients["V_LR"]) == pytest.approx(2e-6)
    assert complex(state.coefficients["V_RR"]) == pytest.approx(3e-6j)


def test_r_parity_violation_is_two_leptoquarks() -> None:
    """One squark each: S2tilde and S0; several lift rank 1."""
    lam = couplings()
    doublet = {f"lamp_{i + 1}3{k + 1}": lam[k, i] for k, i in np.ndindex(3, 3)}
    singlet = {f"lamp_{i + 1}{k + 1}2": lam[k, i] for k, i in np.ndindex(3, 3)}
    build = get_model("rpv").build
    for given, mass, name in (
        (doublet, {"m_sdL3": MASS}, "S2tilde"),
        (singlet, {"m_sdR2": MASS}, "S0"),
    ):
        for a, b in zip(
            jax.tree.leaves(build(given | mass, INPUTS)), jax.tree.leaves(built(name)), strict=True
        ):
            np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-14)
    s = build(doublet | {"m_sdL3": 1.0, "m_suL3": 2.0}, INPUTS)
    np.testing.assert_allclose(s.charged.C9p, s.invisible[0].CR / 4, rtol=1e-12)
    both = {f"lamp_{i + 1}{j + 1}{k + 1}": lam[k, (i + j) % 3] for i, j, k in np.ndindex(3, 3, 3)}
    s = build(both | {"m_sdL1": 2.0, "m_sdL2": 2.0}, INPUTS)
    values = np.linalg.svd(np.asarray(s.invisible[0].CR), compute_uv=False)
    assert values[1] > 1e-2 * values[0]


@pytest.mark.parametrize("name", [*NAMES, "rpv", "smeft", "zprime", "lmu-ltau"])
def test_gradients_are_finite_at_zero_couplings(name: str, inputs: Inputs) -> None:
    model = get_model(name)
    masses = {"M": 2.0, "MZp": 2.0, "mN": 0.5, "scale": 1000.0, "m_sdL3": 2.0, "m_sdR3": 2.0}
    fixed = {k: v for k, v in masses.items() if k in model.parameters}
    free = {k: 0.0 for k in model.parameters if k not in fixed and not k.startswith("m_")}

    @jax.jit
    def size(p: dict[str, float], i: Inputs) -> jax.Array:
        leaves = jax.tree.leaves(model.build(fixed | p, i))
        return sum(jnp.sum(jnp.real(x) + jnp.imag(x)) for x in leaves)

    slopes = jax.grad(size, argnums=(0, 1))(free, inputs)
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(slopes))
