"""SM values of flavio 2.7.1 and EOS 1.0.21 with their own inputs, for the table of `predict --sm`.

python tests/peers/standard_model.py writes `bsnunu_jax/runs/data/standard_model_programs.yaml`.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flavio
import numpy as np
import oracles
from flavio.physics.bdecays import bvnunu

import bsnunu_jax

FILE = Path(bsnunu_jax.__file__).parent / "runs/data/standard_model_programs.yaml"

KAONS = {"K+->pi+": "K+->pinunu", "KL->pi0": "KL->pinunu"}
# Without an observable there: the functions behind those of other decays.
UNNAMED = {
    "Bs->phi": oracles.FlavioDecay("", "Bs", "phi"),
    "Bs->K*0": oracles.FlavioDecay("", "Bs", "K*0", "bd"),
}
HEAD = """\
# SM values of other programs that `bsnunu predict --sm` gives beside its own, with the inputs and
# form factors of the program. EOS has no form factors of Bs -> eta, eta' and other ones of
# Lambda_b -> Lambda, with three times the rate: it is given those here. flavio names no decay of
# the Bs to neutrinos: its functions are asked. Neither integrates over the time of the Bs. Made by
#   python tests/peers/standard_model.py
# with flavio and EOS installed; tests/peers compares.
programs:
"""


def of_flavio() -> Iterator[tuple[str, float]]:
    """Names of observables here, and values."""
    zero = np.zeros((3, 3))
    for mode in oracles.FLAVIO_DECAYS:
        yield f"BR({mode}inv)", oracles.flavio_br(mode, zero, zero)
    for mode, name in KAONS.items():
        yield f"BR({mode}inv)", flavio.sm_prediction(f"BR({name})")
    for mode, decay in UNNAMED.items():
        yield f"BR({mode}inv)", _whole(bvnunu.bvnunu_dbrdq2_summed, decay)
    vectors = {mode: oracles.FLAVIO_DECAYS[mode] for mode in oracles.FLAVIO_VECTORS} | UNNAMED
    for mode, decay in vectors.items():
        longitudinal = _whole(bvnunu.bvnunu_fl_num_summed, decay)
        yield f"F_L({mode}inv)", longitudinal / _whole(_both_polarisations, decay)


def _both_polarisations(*at: Any) -> float:
    """What flavio's F_L at one q2 is divided by, without the isospin factor of its rates."""
    return float(bvnunu.bvnunu_fl_num_summed(*at) / bvnunu.bvnunu_fl_summed(*at))


def _whole(function: Callable[..., float], decay: oracles.FlavioDecay) -> float:
    """Integral over q2 of one of flavio's functions of q2, coefficients, inputs and mesons."""
    parameters = oracles.flavio_parameters()
    none = oracles.flavio_wilson(np.zeros((3, 3)), np.zeros((3, 3)), decay.quarks)
    mesons = decay.heavy, decay.light
    end = float((parameters[f"m_{decay.heavy}"] - parameters[f"m_{decay.light}"]) ** 2)
    return oracles.integrate_spectrum(lambda q2: function(q2, none, parameters, *mesons), end)


def of_eos() -> Iterator[tuple[str, float]]:
    """Names of observables here, and values."""
    for mode in oracles.EOS_DECAYS:
        decay = oracles.eos_mode(mode)
        decay.set({})
        yield f"BR({mode}inv)", decay.br()
        if decay.fl_observable is None:
            continue
        # EOS's own integral is 1 for Lambda_b.
        longitudinal = oracles.integrate_spectrum(
            lambda q2, of=decay: float(of.fl(q2) * of.spectrum(q2)), decay.q2_max
        )
        yield f"F_L({mode}inv)", longitudinal / decay.br()


def programs() -> dict[str, dict[str, float]]:
    """By program and version, what it says, with five digits."""
    found = {
        f"flavio {flavio.__version__}": of_flavio(),
        f"EOS {oracles.eos.__version__.removeprefix('v')}": of_eos(),
    }
    return {name: {k: float(f"{v:.5g}") for k, v in of} for name, of in found.items()}


def text() -> str:
    """The content of the file."""
    lines = [
        line
        for name, values in programs().items()
        for line in (f"  {name}:", *(f"    {k}: {_number(v)}" for k, v in values.items()))
    ]
    return HEAD + "\n".join(lines) + "\n"


def _number(value: float) -> str:
    """As YAML 1.1 reads a number, with a point."""
    if value > 1e-3:
        return f"{value:.5g}"
    mantissa, _, power = f"{value:.4e}".partition("e")
    return f"{mantissa}e{int(power)}"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
