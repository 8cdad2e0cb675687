"""WCxf files of coefficients (arXiv:1712.05298) as parameters of a model."""

import json
import math
import warnings
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from bsnunu_jax.exchange import names
from bsnunu_jax.foundation.errors import InputError, shown, worded
from bsnunu_jax.foundation.located_yaml import LocatedYaml, located, read_text
from bsnunu_jax.foundation.plain_numbers import WHOLE, real_number, whole_number
from bsnunu_jax.hadrons.transitions import QUARKS, USUAL_QUARKS
from bsnunu_jax.inputs import Inputs, load_inputs
from bsnunu_jax.inputs.running import coefficient_scale
from bsnunu_jax.models import get_model
from bsnunu_jax.models.values import GivenPoint

# GeV; below it there is no b quark, above m_t no WET.
LOWEST = 2.0
MAX_KEY = 200
_FORM = "a number, or Re and Im"


def load_wcxf(path: Path | str, inputs: Inputs | None = None) -> dict[str, Any]:
    """Parameters of the model `neutrinos`, or of the pair model that the file is for.

    What has no effect is a UserWarning.

    Args:
        path: YAML or JSON; eft WET, basis flavio, or our own eft WET-dark, basis bsnunu.
        inputs: numbers; their alpha normalises the parameters.

    Raises:
        InputError: for anything else, see `read_wcxf`.
    """
    found = read_wcxf(path, inputs)
    for line in found.warnings:
        warnings.warn(line, stacklevel=2)
    return found.parameters


def read_wcxf(path: Path | str, inputs: Inputs | None = None) -> GivenPoint:
    """The point that a file describes.

    Coefficients of vector operators with a neutrino current do not run in QCD: every scale from
    2 GeV to m_t is as good as that of the b quark. Scalar and tensor operators of our own
    basis run, for which the pair models have the parameter `scale`.

    Raises:
        InputError: for a file that is no WCxf file, another effective theory or basis, a scale
            without WET, unknown coefficients, or values that are no numbers.
    """
    inputs = load_inputs() if inputs is None else inputs
    file = _File(Path(path))
    theory = file.text("eft"), file.text("basis")
    if theory not in (names.FLAVIO, names.OWN):
        raise file.error(
            "eft",
            f"eft {theory[0]}, basis {theory[1]}",
            "eft WET with basis flavio, or eft WET-dark with basis bsnunu; the package"
            " wilson runs, matches and translates the others",
        )
    scale = file.number("scale", file.data.get("scale"))
    highest = float(inputs.values["m_t_MSbar"])
    # That of c -> u is below the range, and nothing runs from it.
    usual = theory == names.OWN and scale in [coefficient_scale(q, inputs) for q in QUARKS]
    if scale.imag or not (usual or LOWEST <= scale.real <= highest):
        raise file.error(
            "scale",
            f"scale {shown(file.data['scale'])}: no weak effective theory with a b quark",
            f"{LOWEST:g} to {highest:.0f} GeV; match coefficients above it first",
        )
    given = file.data.get("values")
    if not isinstance(given, Mapping):
        raise file.error(
            "values", "no coefficients", f"values: one line `NAME: value` each, {_FORM}"
        )
    values = {str(k): file.number(f"values.{k}", v) for k, v in given.items()}
    if theory == names.FLAVIO:
        return _of_flavio(values, inputs, file)
    return _of_own(values, scale.real, inputs, file)


class _File:
    """A parsed file that says where an entry stands."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.located: LocatedYaml | None = None
        try:
            # JSON first: YAML has no tabs.
            self.data = json.loads(
                read_text(path),
                object_pairs_hook=self._once,
                parse_int=self._numeral,
                parse_float=self._numeral,
            )
        except (json.JSONDecodeError, RecursionError):
            self.located = LocatedYaml(path)
            self.data = self.located.data
        if not isinstance(self.data, dict):
            raise InputError(
                "no WCxf file", where=str(path), allowed="eft, basis, scale and values"
            )

    def _once(self, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in pairs:
            if len(key) > MAX_KEY:
                raise InputError(
                    f"a key of {len(key):,} characters",
                    where=str(self.path),
                    allowed=f"at most {MAX_KEY}",
                )
            if key in found:
                raise InputError(
                    f"key {key!r} stands twice", where=str(self.path), allowed="keep one"
                )
            found[key] = value
        return found

    def _numeral(self, text: str) -> int | float:
        try:
            value = real_number(text)
        except ValueError as error:
            raise InputError(f"{shown(text)} {error}", where=str(self.path)) from None
        return whole_number(text) if WHOLE.fullmatch(text) else value

    def where(self, key: str) -> str:
        if self.located:
            return self.located.where(key.split("."))
        return f"{self.path} ({key})"

    def error(self, key: str, what: str, allowed: str = "") -> InputError:
        return InputError(what, where=self.where(key), allowed=allowed)

    def text(self, key: str) -> str:
        if key not in self.data:
            raise InputError(
                f"key {key!r} is missing",
                where=str(self.path),
                allowed="eft, basis, scale and values",
            )
        return worded(self.data[key])

    def number(self, key: str, given: Any) -> complex:
        parts = given if isinstance(given, Mapping) else {"Re": given}
        try:
            if not parts or any(k not in ("Re", "Im") for k in parts):
                raise ValueError
            if any(isinstance(x, bool) or not isinstance(x, int | float) for x in parts.values()):
                raise ValueError
            found = complex(float(parts.get("Re", 0.0)), float(parts.get("Im", 0.0)))
        except (TypeError, ValueError):
            raise self.error(key, f"expected {_FORM}, got {shown(given)}") from None
        if not (math.isfinite(found.real) and math.isfinite(found.imag)):
            raise self.error(key, f"{shown(given)} is not finite")
        return found


def _plain(c: complex) -> complex | float:
    return c if c.imag else c.real


def _of_flavio(values: Mapping[str, complex], inputs: Inputs, file: _File) -> GivenPoint:
    mine = {k: c for k, c in values.items() if k in names.LEFT_HANDED}
    rest = [k for k in values if k not in mine]
    for name in rest:
        if not names.of_another_sector(name):
            near = get_close_matches(name, names.LEFT_HANDED, 1, 0.8)
            hint = names.TO_WCXF.get(name)
            meant = f"here it is called {hint}" if hint else f"perhaps {near[0]}" if near else ""
            raise file.error(
                f"values.{name}",
                f"unknown coefficient {name!r} of the basis flavio",
                meant or "CL_bsnu{j}nu{i}, CR_bsnu{j}nu{i} with i, j in e, mu, tau; so bd, sd",
            )
    lines = []
    if ignored := [k for k in rest if values[k]]:
        lines.append(f"{file.path}: without effect on neutrinos, ignored: {_listed(ignored)}")
    if not any(mine.values()):
        known = ", ".join(names.NEUTRINOS.values())
        lines.append(f"{file.path}: no coefficient of the sectors {known}: the SM")
    return GivenPoint("neutrinos", _neutrinos(mine, inputs), tuple(lines))


def _of_own(values: Mapping[str, complex], scale: float, inputs: Inputs, file: _File) -> GivenPoint:
    known = names.FROM_WCXF.keys() | {n for s in names.SECTORS.values() for n in s.names()}
    for name in values:
        if name not in known:
            raise file.error(
                f"values.{name}",
                f"unknown coefficient {name!r} of the basis bsnunu",
                "see bsnunu_jax/exchange/bsnunu.basis.yaml",
            )
    mine = {k: c for k, c in values.items() if k in names.FROM_WCXF}
    dark = [s for s in names.SECTORS.values() if any(n in values for n in s.names())]
    if len(dark) + any(mine.values()) > 1:
        of_mine = {names.QUARKS_OF[k] for k, c in mine.items() if c}
        neutrinos = [sector for q, sector in names.NEUTRINOS.items() if q in of_mine]
        found = ", ".join([s.name for s in dark] + neutrinos)
        raise file.error(
            "values", f"coefficients of several sectors: {found}", "one sector, which is one model"
        )
    if not dark:
        return GivenPoint("neutrinos", _neutrinos(mine, inputs), ())
    sector = dark[0]
    c = {o: _plain(values[n]) for n, o in sector.names().items() if n in values}
    parameters = _particle(sector, file) | c
    if sector.quarks != USUAL_QUARKS:
        parameters["quarks"] = sector.quarks
    if scale != coefficient_scale(sector.quarks, inputs) and any(o[0] in "SPT" for o in c):
        parameters["scale"] = scale
    model = get_model(sector.model)
    ranges = {name: (value, value) for name, value in parameters.items()}
    model.check_values(
        ranges,
        lambda name: file.where(
            f"values.{name}_{sector.suffix}"
            if name in c
            else name
            if name == "scale"
            else f"metadata.particle.{name}"
        ),
    )
    return GivenPoint(sector.model, parameters, ())


def _particle(sector: names.Sector, file: _File) -> dict[str, Any]:
    """Mass and statistics from the metadata."""
    metadata = file.data.get("metadata")
    given = metadata.get("particle") if isinstance(metadata, Mapping) else None
    allowed = (*sector.of_model.masses, *sector.settings)
    shown = f"metadata, particle: {', '.join(allowed)}"
    if not isinstance(given, Mapping):
        raise InputError(
            f"the mass of the particle of sector {sector.name} is missing",
            where=str(file.path),
            allowed=shown,
        )
    model = get_model(sector.model)
    found: dict[str, Any] = {}
    for key, value in given.items():
        where = file.where(f"metadata.particle.{key}")
        if key == "model":
            if value != sector.model:
                raise InputError(
                    f"model {worded(value)} with coefficients of sector {sector.name}",
                    where=where,
                    allowed=sector.model,
                )
        elif key not in allowed:
            raise InputError(f"unknown key {key!r}", where=where, allowed=shown)
        else:
            found[key] = model.read(key, value, where)
    for key, values in sector.settings.items():
        if len(values) == 1 and found.setdefault(key, values[0]) != values[0]:
            raise file.error(
                f"metadata.particle.{key}",
                f"{key} = {found[key]} with coefficients of sector {sector.name}",
                f"{key}: {values[0]}",
            )
    return found


def _neutrinos(values: Mapping[str, complex], inputs: Inputs) -> dict[str, Any]:
    ratio = {
        q: float(names.wcxf_over_ours(inputs, q)) for q in {names.QUARKS_OF[k] for k in values}
    }
    return {names.FROM_WCXF[k]: _plain(c / ratio[names.QUARKS_OF[k]]) for k, c in values.items()}


def _listed(found: Sequence[str], most: int = 6) -> str:
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more


def point(path: Path | str, inputs: Inputs, model: str) -> GivenPoint:
    """The point of a file for a command, whose option `--model` may name another model.

    Raises:
        InputError: if it does.
    """
    with located("--wcxf"):
        found = read_wcxf(path, inputs)
    if model not in ("neutrinos", found.model):
        raise InputError(
            f"the file is a point of model {found.model}",
            where="--wcxf",
            allowed=f"drop --model {model}",
        )
    return found
