"""Sets of form factors: files of data/form_factors and files of one's own, checked alike."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from pydantic import Field, StrictBool

from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.located_yaml import LocatedYaml, Names, Number, Section
from bsnunu_jax.foundation.packaged import load_yaml
from bsnunu_jax.hadrons.families import FAMILIES
from bsnunu_jax.hadrons.form_factors import FORM_FACTORS
from bsnunu_jax.hadrons.transitions import TRANSITIONS

_ENDINGS = (".yaml", ".yml")
# Of the largest entry: what a covariance in a file may be asymmetric by.
_ROUNDING = 1e-8


@dataclass(frozen=True)
class FormFactorSet:
    """Coefficients of one transition with their covariance; masses [GeV] of z and the poles.

    `extrapolated` says at which q2 nothing but the expansion is known, "" if nowhere; `sum_rules`
    that there is no lattice in it, light-cone sum rules alone.
    """

    name: str
    transition: str
    parametrisation: str
    source: str
    arxiv: str
    note: str
    extrapolated: str
    sum_rules: bool
    masses: Mapping[str, float]
    parameters: tuple[str, ...]
    central: np.ndarray
    covariance: np.ndarray


class _File(Section):
    """A file of one set; `form_factors` names them where it has not all of the transition."""

    transition: str
    parametrisation: str
    source: str = Field(min_length=1)
    arxiv: str = ""
    note: str = ""
    extrapolated: str = ""
    sum_rules: StrictBool = False
    masses: dict[str, Number]
    form_factors: Names | None = None
    parameters: Names = Field(min_length=1)
    central: tuple[Number, ...]
    covariance: tuple[tuple[Number, ...], ...]


def form_factor_sets(transition: str) -> tuple[str, ...]:
    """Names of the form-factor sets of a transition, e.g. of "B->K" or "B->K*".

    >>> "hpqcd2022" in form_factor_sets("B->K")
    True

    Raises:
        InputError: for an unknown transition.
    """
    if transition not in TRANSITIONS:
        raise InputError(
            f"unknown transition {transition!r}", allowed=f"one of {', '.join(TRANSITIONS)}"
        )
    prefix = f"{TRANSITIONS[transition].file}_"
    files = (file.name for file in _folder().iterdir())
    return tuple(sorted(f[len(prefix) : -5] for f in files if f.startswith(prefix)))


def form_factor_set(transition: str, name: str) -> FormFactorSet:
    """One form-factor set, of the package or of a file whose name ends in .yaml or .yml.

    Raises:
        InputError: for an unknown transition or set, or a file that does not fit: one that cannot
            be read, lacks a coefficient or a mass, is of another transition, or whose covariance is
            not positive definite.
    """
    if name.endswith(_ENDINGS):
        form_factor_sets(transition)
        return _own(transition, Path(name))
    if name not in form_factor_sets(transition):
        allowed = (
            f"{transition} sets: {', '.join(form_factor_sets(transition))}; or a file NAME.yaml"
        )
        raise InputError(f"unknown form-factor set {name!r}", allowed=allowed)
    return _packaged(transition, name)


def placed(form_factors: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The same sets; files are looked for in a folder."""
    return {
        t: str((folder / name).resolve()) if name.endswith(_ENDINGS) else name
        for t, name in form_factors.items()
    }


def own_files(sets: Mapping[str, str]) -> tuple[Path, ...]:
    """Those of the sets that are files of one's own."""
    return tuple(Path(name) for name in sets.values() if name.endswith(_ENDINGS))


def _folder() -> Any:
    return resources.files("bsnunu_jax.inputs") / "data" / "form_factors"


@cache
def _packaged(transition: str, name: str) -> FormFactorSet:
    file = _folder() / f"{TRANSITIONS[transition].file}_{name}.yaml"
    raw = load_yaml(file.read_text(encoding="utf-8"))
    return _made(name, raw)


def _made(name: str, raw: Mapping[str, Any]) -> FormFactorSet:
    return FormFactorSet(
        name=name,
        transition=raw["transition"],
        parametrisation=raw["parametrisation"],
        source=raw["source"],
        arxiv=raw["arxiv"],
        note=raw.get("note", ""),
        extrapolated=raw.get("extrapolated", ""),
        sum_rules=raw.get("sum_rules", False),
        masses=MappingProxyType(raw["masses"]),
        parameters=tuple(raw["parameters"]),
        central=np.asarray(raw["central"], dtype=float),
        covariance=np.asarray(raw["covariance"], dtype=float),
    )


def _own(transition: str, path: Path) -> FormFactorSet:
    file = LocatedYaml(path)
    content = file.validate(_File)
    if content.transition != transition:
        what = f"form factors of {content.transition!r}, not of {transition!r}"
        raise file.error(("transition",), what)
    if content.parametrisation not in FAMILIES:
        what = f"unknown parametrisation {content.parametrisation!r}"
        raise file.error(("parametrisation",), what, f"one of {', '.join(FAMILIES)}")
    _check_names(file, content)
    _check_masses(file, content)
    _check_numbers(file, content)
    return _made(str(path), content.model_dump())


def _check_names(file: LocatedYaml, content: _File) -> None:
    """Coefficients and masses are those that the family needs."""
    family = FAMILIES[content.parametrisation]
    known = FORM_FACTORS[TRANSITIONS[content.transition].spin]
    for i, name in enumerate(content.form_factors or ()):
        if name not in known:
            place = ("form_factors", i)
            raise file.error(place, f"unknown form factor {name!r}", f"one of {', '.join(known)}")
    form_factors = tuple(f for f in known if f in (content.form_factors or known))
    needed = family.expected(form_factors, content.parameters)
    masses = family.expected_masses(form_factors)
    for key, found, wanted in (
        ("parameters", content.parameters, needed),
        ("masses", tuple(content.masses), masses),
    ):
        for name in wanted:
            if name not in found:
                what = f"{name} is missing"
                raise file.error((key,), what, f"{content.parametrisation} needs {_list(wanted)}")
    for i, name in enumerate(content.parameters):
        if name not in needed:
            what = f"{name} is no coefficient of {content.parametrisation} here"
            raise file.error(("parameters", i), what, f"it has {_list(needed)}")


def _check_masses(file: LocatedYaml, content: _File) -> None:
    """Above 0, the first hadron the heavier one, and no pole where the decay is."""
    for name, mass in content.masses.items():
        if not mass > 0:
            raise file.error(("masses", name), f"the mass {name} = {mass:g} is not above 0")
    pair = FAMILIES[content.parametrisation].z_masses[-2:]
    if not pair:
        return
    heavy, light = (content.masses[name] for name in pair)
    if not heavy > light:
        raise file.error(("masses", pair[0]), f"{pair[0]} = {heavy:g} is not above {pair[1]}")
    for name, mass in content.masses.items():
        if name.startswith("m_R_") and not mass > heavy - light:
            what = f"the pole {name} = {mass:g} GeV lies in the phase space of the decay"
            raise file.error(("masses", name), what, f"above {heavy - light:.4g} GeV")


def _check_numbers(file: LocatedYaml, content: _File) -> None:
    """As many numbers as names, and a covariance that is one."""
    n = len(content.parameters)
    if len(content.central) != n:
        what = f"{len(content.central)} central values for {n} parameters"
        raise file.error(("central",), what)
    if [len(row) for row in content.covariance] != [n] * n:
        raise file.error(("covariance",), f"no matrix of {n} rows and columns")
    covariance = np.asarray(content.covariance)
    if np.abs(covariance - covariance.T).max() > _ROUNDING * np.abs(covariance).max():
        raise file.error(("covariance",), "the covariance is not symmetric")
    smallest = np.linalg.eigvalsh(_correlation(covariance))[0]
    if not smallest > 0:
        what = "the covariance is not positive definite"
        raise file.error(("covariance",), what, f"smallest eigenvalue {smallest:.2g}, scaled to 1")


def _correlation(covariance: np.ndarray) -> np.ndarray:
    """The covariance scaled to 1 on the diagonal; -1 there where a variance is not above 0."""
    variances = np.diag(covariance)
    if not (variances > 0).all():
        return np.diag(np.where(variances > 0, 1.0, -1.0))
    sigma = np.sqrt(variances)
    return np.asarray(covariance / np.outer(sigma, sigma))


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(names)
