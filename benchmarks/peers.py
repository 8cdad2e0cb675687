"""Speed of the peer codes EOS 1.0.21, flavio 2.7.1 and jelli 0.1 inside their own evaluation loops.

Every timing function returns points per second (best repeat) and an array (points, 4) of branching
ratios in the order of `MODES`, complete on the host.  Call `pin_to_core` before jax is imported.
"""

from __future__ import annotations

import os
import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

MODES = ("B+->K+", "B0->K0", "B+->K*+", "B0->K*0")
"""Order of the branching ratios in every result."""

BK_NAMES = ("a0_f+", "a1_f+", "a2_f+", "a1_f0", "a2_f0", "a0_fT", "a1_fT", "a2_fT")
"""Free B -> K BSZ coefficients."""

BKSTAR_NAMES = (
    *("a0_A0", "a1_A0", "a2_A0", "a0_A1", "a1_A1", "a2_A1", "a1_A12", "a2_A12"),
    *("a0_V", "a1_V", "a2_V", "a0_T1", "a1_T1", "a2_T1", "a1_T2", "a2_T2"),
    *("a0_T23", "a1_T23", "a2_T23"),
)
"""Free B -> K* BSZ coefficients."""

BATCHES = 1_000, 10_000, 50_000, 100_000, 1_000_000

_SCALE = 5.0
_JELLI_NAME = "b_to_k_nunu"


def pin_to_core(core: int = 0) -> None:
    """Bind this process, and the threads it starts later, to one core."""
    os.sched_setaffinity(0, {core})


def best_rate(run: Callable[[], Any], points: int, repeats: int) -> tuple[float, Any]:
    """Points per second of the fastest of several runs, and the last result."""
    best = np.inf
    result = None
    for _ in range(repeats):
        start = time.perf_counter()
        result = run()
        best = min(best, time.perf_counter() - start)
    return points / best, result


# form-factor draws: EOS and flavio ---------------------------------------------------------------


def _columns(draws: Mapping[str, ArrayLike], names: Sequence[str]) -> list[list[float]]:
    """Rows of the named coefficients, one list of plain floats per draw."""
    columns = [np.asarray(draws[name], float) for name in names]
    rows: list[list[float]] = np.stack(columns, axis=-1).tolist()
    return rows


def time_eos(draws: Mapping[str, ArrayLike], repeats: int = 3) -> tuple[float, FloatArray]:
    """Time EOS's four BR observables with all 27 BSZ coefficients set anew at each draw.

    Coefficients are set through parameter handles and the observables evaluated directly
    (model=WET at its SM default, form-factors=BSZ2015, EOS's own quadrature, epsrel 5e-4); a second
    parameter set carries B0 -> K0, because EOS 1.0.21 forces q=u in B->Knunu.
    """
    import eos

    charged, neutral = eos.Parameters.Defaults(), eos.Parameters.Defaults()
    for target, source in (
        ("mass::B_u", "mass::B_d"),
        ("mass::K_u", "mass::K_d"),
        ("life_time::B_u", "life_time::B_d"),
    ):
        neutral.set(target, neutral[source].evaluate())

    def handles(parameters: Any, process: str, names: Iterable[str]) -> list[Any]:
        return [parameters[f"{process}::alpha^{n[3:]}_{n[1]}@BSZ2015"].set for n in names]

    def observable(parameters: Any, process: str, heavy: str, light: str, **options: str) -> Any:
        masses = [parameters[f"mass::{meson}"].evaluate() for meson in (heavy, light)]
        kinematics = eos.Kinematics(q2_min=0.0, q2_max=(masses[0] - masses[1]) ** 2)
        fixed = eos.Options(**options, **{"model": "WET", "form-factors": "BSZ2015"})
        return eos.Observable.make(f"{process}::BR", parameters, kinematics, fixed).evaluate

    pseudoscalar = list(
        zip(handles(charged, "B->K", BK_NAMES), handles(neutral, "B->K", BK_NAMES), strict=True)
    )
    vector = handles(charged, "B->K^*", BKSTAR_NAMES)
    br_kp = observable(charged, "B->Knunu", "B_u", "K_u")
    br_k0 = observable(neutral, "B->Knunu", "B_u", "K_u")
    br_vp = observable(charged, "B->K^*nunu", "B_u", "K_u^*", q="u", I="1/2")
    br_v0 = observable(charged, "B->K^*nunu", "B_d", "K_d^*", q="d", I="1/2")
    rows_k, rows_v = _columns(draws, BK_NAMES), _columns(draws, BKSTAR_NAMES)

    def run() -> FloatArray:
        out = []
        for row_k, row_v in zip(rows_k, rows_v, strict=True):
            for (set_charged, set_neutral), value in zip(pseudoscalar, row_k, strict=True):
                set_charged(value)
                set_neutral(value)
            for set_value, value in zip(vector, row_v, strict=True):
                set_value(value)
            out.append((br_kp(), br_k0(), br_vp(), br_v0()))
        return np.array(out)

    return best_rate(run, len(rows_k), repeats)


def time_flavio(draws: Mapping[str, ArrayLike], repeats: int = 1) -> tuple[float, FloatArray]:
    """Time flavio's four SM BR observables with all 27 BSZ coefficients set anew at each draw.

    One parameter dictionary is updated in place and passed to `Observable.prediction_par`, the call
    behind flavio's own uncertainty loop; the quadrature is flavio's own (epsrel 5e-3).
    """
    import flavio

    parameters = dict(flavio.default_parameters.get_central_all())
    standard_model = flavio.WilsonCoefficients()
    names = [f"B->K BSZ {n}" for n in BK_NAMES] + [f"B->K* BSZ {n}" for n in BKSTAR_NAMES]
    rows = _columns(draws, BK_NAMES + BKSTAR_NAMES)
    predictions = [
        flavio.Observable[f"BR({name})"].prediction_par
        for name in ("B+->Knunu", "B0->Knunu", "B+->K*nunu", "B0->K*nunu")
    ]

    def run() -> FloatArray:
        out = []
        for row in rows:
            parameters.update(zip(names, row, strict=True))
            out.append([predict(parameters, standard_model) for predict in predictions])
        return np.array(out)

    return best_rate(run, len(rows), repeats)


# Wilson coefficients: jelli ----------------------------------------------------------------------


def direct_brs(c_l: ArrayLike, c_r: ArrayLike, weights: ArrayLike, c_sm: complex) -> FloatArray:
    """BR = kV sum|CL+CR|^2 + kA sum|CL-CR|^2 with CL = c_l + c_sm 1, weights (4, 2) = (kV, kA)."""
    left, right = np.asarray(c_l) + c_sm * np.eye(3), np.asarray(c_r)
    quadratics = [(np.abs(left + sign * right) ** 2).sum((-2, -1)) for sign in (1.0, -1.0)]
    rates: FloatArray = np.stack(quadratics, axis=-1) @ np.asarray(weights, float).T
    return rates


def polynomial(weights: ArrayLike, c_sm: complex) -> dict[tuple[str, str, str], FloatArray]:
    """POPxf coefficients (one entry per mode) of `direct_brs` in the 18 complex NP coefficients."""
    k_v, k_a = np.asarray(weights, float).T
    same, mixed = k_v + k_a, k_v - k_a
    terms: dict[tuple[str, str, str], FloatArray] = {("", "", "RR"): 3.0 * same * abs(c_sm) ** 2}
    for i in range(3):
        for j in range(3):
            left, right = f"CL_{i}{j}", f"CR_{i}{j}"
            for part, standard in (("R", c_sm.real), ("I", c_sm.imag)):
                terms[left, left, part * 2] = same
                terms[right, right, part * 2] = same
                terms[left, right, part * 2] = 2.0 * mixed
                if i == j and standard != 0.0:
                    terms["", left, "R" + part] = 2.0 * same * standard
                    terms["", right, "R" + part] = 2.0 * mixed * standard
    return terms


def jelli_prediction(
    terms: Mapping[tuple[str, str, str], ArrayLike],
) -> tuple[Callable[..., Any], Any, list[tuple[str, str]]]:
    """Jelli's prediction function and data for a quadratic polynomial, and its parameter order.

    Importing jelli switches jax to float64.  The 18 complex coefficients form a `CustomBasis`, so
    the evolution matrix is the identity and jelli does no running; monomials and coefficients are
    those of its POPxf observable sector.
    """
    import jelli

    parameters = sorted({name for key in terms for name in key[:2] if name})
    basis = jelli.CustomBasis(_JELLI_NAME, dict.fromkeys(parameters, "C"))
    data = {
        "metadata": {
            "observable_names": [f"BR({mode})" for mode in MODES],
            "parameters": parameters,
            "basis": {"custom": {"name": _JELLI_NAME}},
            "scale": _SCALE,
            "polynomial_degree": 2,
        },
        "data": {"observable_central": {str(k): list(np.asarray(v)) for k, v in terms.items()}},
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        jelli.ObservableSector(_JELLI_NAME, data)
    function = jelli.ObservableSector.get_class_prediction_function([_JELLI_NAME])
    prediction_data = jelli.ObservableSector.get_class_prediction_data(None, None, [_JELLI_NAME])
    return function, prediction_data, list(basis.get_parameter_basis())


def jelli_points(c_l: ArrayLike, c_r: ArrayLike, order: Sequence[tuple[str, str]]) -> FloatArray:
    """Real parameter array (points, 36) in jelli's order from matrices (points, 3, 3)."""
    matrices = {"L": np.asarray(c_l), "R": np.asarray(c_r)}
    columns = []
    for name, part in order:
        element = matrices[name[1]][:, int(name[3]), int(name[4])]
        columns.append(element.real if part == "R" else element.imag)
    return np.ascontiguousarray(np.stack(columns, axis=-1), dtype=float)


def time_jelli(
    c_l: ArrayLike,
    c_r: ArrayLike,
    weights: ArrayLike,
    c_sm: complex,
    *,
    chunk: int | None = None,
    repeats: int = 20,
    terms: Mapping[tuple[str, str, str], ArrayLike] | None = None,
) -> tuple[float, FloatArray]:
    """Time jelli's compiled batch evaluation of the four BRs at fixed form factors.

    One call of the jitted function on the whole batch; with `chunk` the same function is mapped
    over blocks of that many points inside the compiled call, which keeps its intermediate arrays in
    cache.  `terms` replaces the polynomial built from `weights` and `c_sm`.
    """
    import jax

    function, data, order = jelli_prediction(polynomial(weights, c_sm) if terms is None else terms)
    points = jax.device_put(jelli_points(c_l, c_r, order))

    @jax.jit
    def evaluate(points: Any, data: Any) -> Any:
        if chunk is None or chunk >= points.shape[0]:
            return function(points, _SCALE, data)
        blocks = points.reshape(-1, chunk, points.shape[-1])
        rates = jax.lax.map(lambda block: function(block, _SCALE, data), blocks)
        return rates.reshape(-1, len(MODES))

    evaluate(points, data).block_until_ready()
    rate, result = best_rate(
        lambda: evaluate(points, data).block_until_ready(), points.shape[0], repeats
    )
    return rate, np.asarray(result)
