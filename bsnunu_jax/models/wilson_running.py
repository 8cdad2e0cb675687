"""The coefficients of `smeft` run to the b quark by the package wilson (arXiv:1804.05033).

One loop in the SMEFT down to m_Z, matched there at tree level, then QCD and QED down to the scale
of m_b. This is linear in the coefficients up to their back-reaction on the parameters of the SM, so
wilson runs once for every coefficient with one small value; the rest is a sum that JAX
differentiates. What enters is the strength of an operator at low scale per coefficient: couplings
and CKM elements of wilson's own inputs divide out at tree level.
"""

import importlib.util
import math
import warnings
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Complex

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.inputs import Inputs
from bsnunu_jax.inputs.running import mu_b
from bsnunu_jax.models.matching import (
    LEPTONS,
    PER_TEV2,
    charged_current,
    ckm,
    neutrino_coefficient,
    value,
)
from bsnunu_jax.states import Neutrinos
from bsnunu_jax.states.sectors import ChargedLeptons, Sectors

# wilson matches at its m_Z [GeV]: the lowest scale of the SMEFT there.
MATCHING_SCALE = 91.1876
INSTALL = "pip install 'bsnunu_jax[wilson]'"
# 1e-6 TeV^-2, in GeV^-2: the squares that wilson keeps are lost. Above about 1e-2 it also rephases
# the leptons of the result, by what a coefficient with two flavours does to their masses.
_STEP = 1e-6 * PER_TEV2
# flavio's names of what leads from b to s, then to c; {i} is the barred lepton.
_TO_S = (
    "CL_bsnu{j}nu{i}",
    "CR_bsnu{j}nu{i}",
    "C9_bs{j}{i}",
    "C10_bs{j}{i}",
    "C9p_bs{j}{i}",
    "C10p_bs{j}{i}",
)
_TO_C = "CVL_bc{i}nu{j}"
_PAIRS = {f"{a}{b}": (i, j) for i, a in enumerate(LEPTONS) for j, b in enumerate(LEPTONS)}


def installed() -> bool:
    """Whether wilson can be imported."""
    return importlib.util.find_spec("wilson") is not None


def build(
    parameters: Mapping[str, Any], names: Sequence[str], scale: Any, inputs: Inputs
) -> Sectors:
    """All sectors from the coefficients [TeV^-2] of these names at `scale` [GeV].

    Differentiable in the coefficients and the inputs, not in `scale`.

    Raises:
        InputError: without wilson, or if `scale` is traced by JAX.
    """
    if isinstance(scale, jax.core.Tracer):
        raise InputError("'scale' varies, but wilson runs from one scale", allowed="fix it")
    low = mu_b(inputs)
    strength: Complex[Array, "7 3 3"] = jnp.zeros((7, 3, 3), complex)
    for name in names:
        if name in parameters:
            strength += value(parameters, name) * column(name, complex(scale).real, low)
    C = neutrino_coefficient(PER_TEV2 * strength[:6], inputs)
    current = 2 * ckm(inputs)[1, 1] * PER_TEV2 * strength[6]
    return Sectors(
        (Neutrinos(CL=C[0], CR=C[1]),), ChargedLeptons(*C[2:]), charged_current(current, inputs)
    )


@cache
def column(name: str, scale: float, low: float) -> np.ndarray:
    """Strengths at `low` per coefficient `name` at `scale`, complex, shape (7, 3, 3), no unit.

    Rows: C_L, C_R, C_9, C_10, C_9', C_10' over Pi, and the charged current over 2 Vcs. The complex
    conjugate of a coefficient, below 2e-5 of it (3e-4 in the charged current), is left out.

    Raises:
        InputError: without wilson.
    """
    wilson, ckm_tree = _wilson()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        p = wilson.parameters.p
        V = ckm_tree(*(p[n] for n in ("Vus", "Vub", "Vcb", "gamma")))
        # Our phases: VtbVts* is negative.
        VtbVts = V[2, 2] * np.conj(V[2, 1])
        phase = -VtbVts / abs(VtbVts)
        given = _warsaw(name, _STEP * phase, set(wilson.wcxf.Basis["SMEFT", "Warsaw"].all_wcs))
        run = wilson.Wilson(given, scale, "SMEFT", "Warsaw")
        found = run.match_run(low, "WET", "flavio").dict

    def matrix(names: str) -> np.ndarray:
        rows = [[found.get(names.format(i=a, j=b), 0.0) for b in LEPTONS] for a in LEPTONS]
        return np.array(rows, dtype=complex)

    # The coefficients of both normalisations, see `models.matching`, with wilson's own inputs.
    Pi = -math.pi / (math.sqrt(2.0) * p["alpha_e"] * p["GF"] * abs(VtbVts))
    W = -4 * p["GF"] / math.sqrt(2.0) * V[1, 2] / (2 * V[1, 1] * phase)
    return np.stack([*(matrix(n) / Pi for n in _TO_S), W * matrix(_TO_C)]) / _STEP


def _warsaw(name: str, c: complex, known: set[str]) -> dict[str, complex]:
    """wilson's coefficient; of two that are conjugate to each other it knows one."""
    stem, _, leptons = name.partition("_")
    if not leptons:
        return {f"phi{stem[2:]}_23": c}
    i, j = (k + 1 for k in _PAIRS[leptons])
    direct, conjugate = f"{stem[1:]}_{i}{j}23", f"{stem[1:]}_{j}{i}32"
    return {direct: c} if direct in known else {conjugate: c.conjugate()}


def _wilson() -> tuple[Any, Any]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import wilson
            from ckmutil.ckm import ckm_tree
    except ImportError as error:
        raise InputError(
            f"running = wilson needs the package wilson ({error})", allowed=INSTALL
        ) from None
    return wilson, ckm_tree
