"""POPxf files: polynomials of observables with their theory uncertainties, for jelli and others.

The format is that of https://json.schemastore.org/popxf-1.0.json. Of this the release 0.1 of jelli
reads everything but uncertainties, for which it expects an earlier layout and the correlations as
HDF5: the dialect "jelli-0.1".
"""

import hashlib
import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bsnunu_jax.exchange import names
from bsnunu_jax.exchange.polynomials import Polynomials
from bsnunu_jax.exchange.write import save
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.files import write_whole
from bsnunu_jax.foundation.version import __version__
from bsnunu_jax.hadrons.transitions import MODES, USUAL_QUARKS, get_decay, get_quarks
from bsnunu_jax.inputs import Inputs, Nuisances
from bsnunu_jax.inputs.running import coefficient_scale
from bsnunu_jax.inputs.sets import form_factor_set
from bsnunu_jax.observables.catalogue import get_observable

SCHEMA = "https://json.schemastore.org/popxf-1.0.json"
CORRELATION_SCHEMA = "https://json.schemastore.org/popxf-corr-1.0.json"
HDF5_SCHEMA = "/popxf-h5-1.0.json"
DIALECTS = ("popxf-1.0", "jelli-0.1")


def write_popxf(path: Path | str, found: Polynomials, *, dialect: str = "popxf-1.0") -> list[Path]:
    """Write polynomials, and the correlations of their uncertainties beside, if there are any.

    Args:
        path: the file, NAME.json; correlations go to NAME_correlations.json, or .hdf5 for jelli.
        found: polynomials of `quadratic_polynomials`.
        dialect: one of `DIALECTS`.

    Returns:
        The files.

    Raises:
        InputError: for an unknown dialect, another suffix, or a file that cannot be written.
    """
    path = Path(path)
    if path.suffix != ".json":
        raise InputError(
            f"the suffix {path.suffix!r} is not that of POPxf",
            where=str(path),
            allowed="end the name with .json",
        )
    if dialect not in DIALECTS:
        raise InputError(f"unknown dialect {dialect!r}", allowed=f"one of {', '.join(DIALECTS)}")
    content = document(found, dialect=dialect)
    if found.draws is None:
        save(path, content)
        return [path]
    suffix = ".hdf5" if dialect == "jelli-0.1" else ".json"
    beside = path.with_name(f"{path.stem}_correlations{suffix}")
    content["metadata"]["misc"]["correlation_file"] = beside.name
    save(path, content)
    if suffix == ".hdf5":
        _save_hdf5(beside, found)
    else:
        save(beside, correlation_document(found))
    return [path, beside]


def document(found: Polynomials, *, dialect: str = "popxf-1.0") -> dict[str, Any]:
    """The content of the file of polynomials."""
    data: dict[str, Any] = {"observable_central": _table(found, found.central)}
    if found.draws is not None:
        std = _table(found, found.std)
        data["observable_uncertainties"] = std if dialect == "jelli-0.1" else {"total": std}
    return {
        "$schema": SCHEMA,
        "metadata": {
            "observable_names": list(found.observables),
            "parameters": list(found.parameters),
            "basis": _basis(found),
            "scale": _scale(found),
            "polynomial_degree": 2,
            "reproducibility": [_reproducibility(found)],
            "misc": {
                "description": "branching fractions with massless neutrinos of the SM"
                " included; BR_NP without them; R_K_nunu and R_Kstar_nunu over the SM"
            },
        },
        "data": data,
    }


def correlation_document(found: Polynomials) -> dict[str, Any]:
    """The content of the file of correlations, [observable][observable][monomial][monomial].

    Monomials are in the order of the file of polynomials.
    """
    observables = list(found.observables)
    return {
        "$schema": CORRELATION_SCHEMA,
        block_name(observables, observables): {
            "row_names": observables,
            "col_names": observables,
            "correlations": {"total": np.round(found.correlations, 12).tolist()},
        },
    }


def block_name(rows: Sequence[str], columns: Sequence[str]) -> str:
    """The name of a block of correlations: MD5 of the sorted names."""
    escaped = [
        [n.replace("\\", "\\\\").replace("|", "\\|") for n in sorted(g)] for g in (rows, columns)
    ]
    text = "||".join("|".join(group) for group in escaped)
    return hashlib.md5(text.encode("utf-8"), usedforsecurity=False).hexdigest()


def _save_hdf5(path: Path, found: Polynomials) -> None:
    import h5py

    observables = list(found.observables)
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        file.attrs["$schema"] = HDF5_SCHEMA
        group = file.create_group(block_name(observables, observables))
        group.create_dataset("data", data=found.correlations, compression="gzip")
        for name in ("row_names", "col_names"):
            group.create_dataset(name, data=np.array(observables, dtype="S"))
    write_whole(path, buffer.getvalue())


def _table(found: Polynomials, values: np.ndarray) -> dict[str, list[float]]:
    return {str(key): row.tolist() for key, row in zip(found.keys, values, strict=True)}


def _scale(found: Polynomials) -> float:
    """Where the coefficients are meant [GeV]."""
    if found.model == "neutrinos":
        return names.SCALE
    usual = coefficient_scale(found.fixed.get("quarks", USUAL_QUARKS), found.inputs)
    return float(np.real(found.fixed.get("scale", usual)))


def _basis(found: Polynomials) -> dict[str, Any]:
    """WCxf where it has the coefficients, and definitions of the others."""
    eft, basis = names.FLAVIO
    quarks = {names.QUARKS_OF[p] for p in found.parameters if p in names.LEFT_HANDED}
    sectors = [sector for q, sector in names.NEUTRINOS.items() if q in quarks]
    basis_of_wcxf = {"eft": eft, "basis": basis, "sectors": sectors}
    others = [p for p in found.parameters if p not in names.LEFT_HANDED]
    if not others:
        return {"wcxf": basis_of_wcxf}
    fixed = {
        k: v if not isinstance(v, complex) else [v.real, v.imag] for k, v in found.fixed.items()
    }
    # The mass is part of what a coefficient means.
    point = ", ".join(f"{k}={v}" for k, v in found.fixed.items())
    tex = names.definitions()
    custom = {
        "name": f"bsnunu_jax:{found.model}" + (f"({point})" if point else ""),
        "model": found.model,
        "fixed": fixed,
        "parameters": {
            p: {"type": found.parameters[p]} | ({"operator": tex[p]} if p in tex else {})
            for p in others
        },
        "lagrangian": "L = sum (C O + h.c.) where an operator is given, coefficients in powers of"
        " GeV; other parameters as in the documentation of bsnunu_jax",
    }
    if len(others) < len(found.parameters):
        return {"wcxf": basis_of_wcxf, "custom": custom}
    return {"custom": custom}


def _reproducibility(found: Polynomials) -> dict[str, Any]:
    """Everything needed to make the file again."""
    inputs = found.inputs
    settings: dict[str, Any] = {
        "preset": inputs.preset,
        "form_factors": inputs.named_sets,
        "model": found.model,
        "fixed": {k: str(v) for k, v in found.fixed.items()},
        "perturbative_order": "LO in new physics; SM as X_t",
        "alpha_of_prefactor": {q: float(inputs.number(names.alpha_of(q))) for q in _quarks(found)},
    }
    if found.draws is not None:
        settings |= {"draws": len(found.draws), "seed": found.seed}
    tool = {"name": "bsnunu_jax", "version": __version__, "settings": settings}
    return {
        "description": "exact quadratic polynomials at fixed masses"
        + ("; uncertainties from draws of the inputs" if found.draws is not None else ""),
        "tool": tool,
        "inputs": _inputs(found, inputs, found.nuisances),
    }


def _quarks(found: Polynomials) -> list[str]:
    """The quark transitions of the observables, of those in which neutrinos are normalised."""
    of = {get_decay(get_observable(o).mode or "").quarks for o in found.observables}
    return [q for q in names.NEUTRINOS if q in of]


def _inputs(found: Polynomials, inputs: Inputs, nuisances: Nuisances | None) -> dict[str, Any]:
    modes = [
        get_decay(m) for m in dict.fromkeys(get_observable(o).mode for o in found.observables) if m
    ]
    of_modes = [
        getattr(m, field)
        for m in modes
        for field in ("m_B", "m_K", "tau_B", "f_B", "stated")
        if getattr(m, field, "")
    ]
    scalars = [
        *of_modes,
        *dict(inputs.roles).values(),
        "GF",
        *(get_quarks(m.quarks).ckm for m in modes if get_quarks(m.quarks).ckm),
        "X_t",
        "sin2thetaW",
        "hbar",
        *(names.alpha_of(m.quarks) for m in modes),
    ]
    sigma = nuisances.sigma if nuisances else {}
    known: dict[str, Any] = {}
    for name in dict.fromkeys(scalars):
        value = float(inputs.values[name])
        known[name] = {"mean": value, "std": float(sigma[name])} if name in sigma else value
    transitions = {MODES[m.name].transition for m in modes if m.name in MODES}
    for transition, chosen in inputs.sets:
        if transition not in transitions:
            continue
        table = form_factor_set(transition, chosen)
        parameters = tuple(f"{transition}: {p}" for p in table.parameters)
        entry: dict[str, Any] = {"mean": np.asarray(table.central).tolist()}
        if nuisances and transition in nuisances.roots:
            std = np.sqrt(np.diag(table.covariance))
            entry |= {"std": std.tolist(), "corr": (table.covariance / np.outer(std, std)).tolist()}
        known[str(parameters)] = entry
    return known
