"""SM branching fractions of all decays with their uncertainties, beside published numbers.

python docs/_ext/sm_values.py writes the table of `docs/sm_values.md` anew.
"""

import re
from pathlib import Path

import jax
import jax.numpy as jnp
import yaml

from bsnunu_jax.hadrons.transitions import MODES, QUARKS
from bsnunu_jax.inputs import Nuisances, load_inputs
from bsnunu_jax.inputs.nuisances import groups_of
from bsnunu_jax.observables.branching import branching_fraction
from bsnunu_jax.states import Neutrinos

DOCS = Path(__file__).parents[1]
PAGE, PUBLISHED = DOCS / "sm_values.md", DOCS / "published_sm.yaml"
_HEADER = "| decay | here | published |\n|---|---|---|\n"
_DRAWS = 400


def decays() -> tuple[str, ...]:
    """Those with neutrinos in the SM and form factors that are recommended."""
    inputs = load_inputs()
    return tuple(
        name
        for name, mode in MODES.items()
        if mode.transition in inputs.form_factors and QUARKS[mode.quarks].sm
    )


def computed(mode: str) -> tuple[float, float]:
    """Branching fraction and its standard deviation."""
    inputs = load_inputs()
    nuisances = Nuisances(inputs, groups_of([mode]))

    def br(z: jax.Array) -> jax.Array:
        return branching_fraction(mode, Neutrinos(), nuisances.shift(z))

    draws = nuisances.draw(jax.random.key(1), _DRAWS)
    central = jax.jit(br)(jnp.zeros(nuisances.size))
    return float(central), float(jnp.std(jax.jit(jax.vmap(br))(draws), ddof=1))


def shown(central: float, sigma: float) -> str:
    """Two digits of the uncertainty in brackets.

    >>> shown(8.376e-11, 4.9e-12), shown(1.2e-6, 2.04e-7)
    ('8.38(49)e-11', '1.20(20)e-6')
    """
    power = int(f"{central:e}".partition("e")[2])
    decimals = max(0, 1 - int(f"{sigma / 10.0**power:e}".partition("e")[2]))
    digits = round(sigma / 10.0**power * 10**decimals)
    return f"{central / 10.0**power:.{decimals}f}({digits})e{power}"


def listed() -> dict[str, str]:
    """What the page has of each decay."""
    rows = re.findall(r"^\| `BR\((.*)inv\)` \| (\S+) \|", PAGE.read_text("utf-8"), re.MULTILINE)
    return dict(rows)


def main() -> None:
    """Write."""
    published = yaml.safe_load(PUBLISHED.read_text("utf-8"))
    assert set(published) <= set(MODES)
    rows = []
    for mode in decays():
        beside = [
            f"{p['number']}{'†' * (p['how'] == 'memory')} ({p['source']})"
            for p in published.get(mode, ())
        ]
        rows.append(
            f"| `BR({mode}inv)` | {shown(*computed(mode))} | {'; '.join(beside) or '–'} |\n"
        )
    text = PAGE.read_text("utf-8").partition("| decay")[0].partition("TABLE")[0]
    PAGE.write_text(text + _HEADER + "".join(rows), "utf-8")


if __name__ == "__main__":
    main()
