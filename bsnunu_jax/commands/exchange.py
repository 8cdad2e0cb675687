"""The command `bsnunu export`."""

import json
from pathlib import Path
from typing import Any

import click

from bsnunu_jax.commands.options import (
    CARD,
    DOMAIN,
    FORM_FACTORS,
    JSON,
    LIKELIHOOD,
    MODEL,
    PATH,
    PRESET,
    SEED,
    echo,
    seed_of,
)
from bsnunu_jax.foundation.errors import InputError

_FORCE = click.option("--force", is_flag=True, help="Write over files that are there.")
_SET = click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter.")


@click.group()
def export() -> None:
    """Files for other codes: popxf, wcxf, flavio, pyhf; and records of published likelihoods."""


@export.command()
@click.argument("observables", nargs=-1, required=True, metavar="OBSERVABLE...")
@MODEL
@_SET
@click.option("--parameters", metavar="A,B,...", help="Variables of the polynomials [all].")
@PRESET
@FORM_FACTORS
@click.option(
    "--errors",
    type=click.IntRange(2, 100_000),
    metavar="N",
    help="Uncertainties and correlations from N input draws.",
)
@seed_of("Seed of the draws.")
@click.option(
    "--dialect",
    type=click.Choice(["popxf-1.0", "jelli-0.1"]),
    default="popxf-1.0",
    show_default=True,
    help="Layout of the uncertainties.",
)
@click.option("--out", type=PATH, required=True, help="NAME.json")
@_FORCE
def popxf(
    observables: tuple[str, ...],
    model: str,
    settings: tuple[str, ...],
    parameters: str | None,
    preset: str,
    form_factors: tuple[str, ...],
    dialect: str,
    out: Path,
    force: bool,
    **options: Any,
) -> None:
    """Write branching fractions and ratios as polynomials of coefficients (POPxf).

    Example: bsnunu export popxf 'BR(B+->Knunu)' R_K_nunu --errors 500 --out knunu.json
    """
    from bsnunu_jax.exchange import quadratic_polynomials, write_popxf
    from bsnunu_jax.observables.catalogue import get_observable

    _new(out, force)
    known: set[str] = set()
    for name in (get_observable(n).name for n in observables):
        if name in known:
            raise InputError(f"{name!r} stands twice", where="bsnunu export", allowed="keep one")
        known.add(name)
    the_model, fixed, inputs = _given(model, settings, preset, form_factors)
    wanted = None if parameters is None else [p.strip() for p in parameters.split(",")]
    if out.suffix != ".json":
        raise InputError(
            f"the suffix {out.suffix!r} is not that of POPxf",
            where="--out",
            allowed="end the name with .json",
        )
    found = quadratic_polynomials(
        observables, model=the_model, fixed=fixed, parameters=wanted, inputs=inputs, **options
    )
    for path in write_popxf(out, found, dialect=dialect):
        echo(str(path))


@export.command()
@MODEL
@_SET
@PRESET
@click.option(
    "--basis",
    type=click.Choice(["flavio", "bsnunu"]),
    help="Basis [flavio wherever it holds the model].",
)
@DOMAIN
@click.option("--out", type=PATH, required=True, help="NAME.json or NAME.yaml")
@_FORCE
def wcxf(
    model: str,
    settings: tuple[str, ...],
    preset: str,
    basis: str | None,
    domain: str,
    out: Path,
    force: bool,
) -> None:
    """Write the coefficients of a model at a point (WCxf).

    Example: bsnunu export wcxf --model S1 --set M=2 --set lam_2mu=0.1 --set lam_3mu=1 --out S1.json
    """
    from bsnunu_jax.exchange import write_wcxf
    from bsnunu_jax.models import get_model

    _new(out, force)
    the_model, fixed, inputs = _given(model, settings, preset, ())
    ranges = {name: (value, value) for name, value in fixed.items()}
    get_model(the_model).check_values(ranges, lambda name: f"--set {name}")
    lines = get_model(the_model).check_domain(ranges, lambda name: f"--set {name}", domain)
    found = write_wcxf(out, fixed, model=the_model, inputs=inputs, basis=basis)
    for line in [*lines, *(f"not in the basis, left out: {what}" for what in found.left_out)]:
        click.echo(f"bsnunu: warning: {line}", err=True)
    echo(str(out))


@export.command()
@CARD
@click.argument("observables", nargs=-1, required=True, metavar="OBSERVABLE...")
@click.option(
    "--posterior",
    type=PATH,
    metavar="DIR",
    help="Result folder of a fit: its posterior, in place of the profile likelihood of the card.",
)
@click.option("--name", metavar="TEXT", help="Of the measurement [title of the card].")
@SEED
@LIKELIHOOD
@click.option("--out", type=PATH, required=True, help="NAME.yml")
@_FORCE
def flavio(
    card: Path,
    observables: tuple[str, ...],
    posterior: Path | None,
    name: str | None,
    seed: int | None,
    likelihood: Path | None,
    out: Path,
    force: bool,
) -> None:
    """Write the likelihood of one or two observables as a measurement of flavio.

    Example: bsnunu export flavio fits/belle2_mu.yaml 'BR(B+->Knunu)' --out belle2.yml
    """
    from bsnunu_jax.cards.run_card import Card
    from bsnunu_jax.exchange.flavio import of_card, of_fit, write_flavio

    _new(out, force)
    loaded = Card(card, seed=seed, likelihood=likelihood)
    found = of_fit(posterior, observables) if posterior else of_card(loaded, observables)
    title = loaded.content.title
    names = ", ".join(m.name for m in loaded.measurements)
    head = f"{title}; model {loaded.content.model}; data: {names}"
    write_flavio(out, found, name=name or title, about=[head])
    echo(str(out))


@export.command()
@click.argument("record", metavar="RECORD")
@MODEL
@_SET
@PRESET
@FORM_FACTORS
@click.option(
    "--card", type=PATH, metavar="CARD", help="Model, inputs and fixed parameters from a card."
)
@LIKELIHOOD
@JSON
@click.option("--out", type=PATH, required=True, help="NAME.json")
def pyhf(
    record: str,
    model: str,
    settings: tuple[str, ...],
    preset: str,
    form_factors: tuple[str, ...],
    card: Path | None,
    likelihood: Path | None,
    as_json: bool,
    out: Path,
) -> None:
    """Write the workspace of a record with the signal of a model at a point, for pyhf.

    RECORD is a folder with a record.yaml, or belle2_knunu_2023 with --likelihood. The background
    model is the published one; the output says which modifiers stay.

    Example: bsnunu export pyhf my_record/ --set CR_tautau=-12 --out point.json
    """
    from bsnunu_jax.cards.run_card import Card
    from bsnunu_jax.exchange.pyhf import record_of, signal_workspace
    from bsnunu_jax.foundation.files import write_whole
    from bsnunu_jax.models import get_model
    from bsnunu_jax.runs.given import parameters_of

    if out.suffix != ".json":
        raise InputError(
            f"the suffix {out.suffix!r} is not that of a workspace",
            where="--out",
            allowed="end the name with .json",
        )
    if card is not None:
        if preset != "default" or form_factors or model != "neutrinos":
            raise InputError("the card has model and inputs", where="--card", allowed="--set alone")
        loaded = Card(card, likelihood=likelihood)
        the_model, inputs = get_model(loaded.content.model), loaded.nuisances.inputs
        parameters = dict(loaded.fixed) | parameters_of(the_model, settings)
    else:
        name, parameters, inputs = _given(model, settings, preset, form_factors)
        the_model = get_model(name)
    ranges = {name: (value, value) for name, value in parameters.items()}
    the_model.check_values(ranges, lambda name: f"--set {name}")
    made = signal_workspace(record_of(record, likelihood), the_model, parameters, inputs)
    about = made.about | {"log_density": made.log_density, "file": str(out)}
    write_whole(out, json.dumps(made.content, indent=1) + "\n")
    if as_json:
        return echo(json.dumps(about))
    for key, value in about.items():
        echo(f"{key}: {', '.join(map(str, value)) if isinstance(value, list) else value}")


@export.command("record")
@click.argument("source", metavar="RECORD|CARD")
@LIKELIHOOD
@click.option("--id", "name", metavar="NAME", help="Of the new record [that of the old one].")
@click.option("--out", type=PATH, required=True, help="A new folder.")
def record_command(source: str, likelihood: Path | None, name: str | None, out: Path) -> None:
    """Write a record: record.yaml, workspace, densities, null models, with checksums.

    RECORD is a folder with a record.yaml or belle2_knunu_2023: in its compact form, or with
    --likelihood the published one. Of a CARD the one record in its data. From Python:
    bsnunu_jax.exchange.record.write_record.

    Example: bsnunu export record belle2_knunu_2023 --out belle2/
    """
    from bsnunu_jax.cards.run_card import Card
    from bsnunu_jax.exchange.record import export_record

    path = Path(source)
    card = Card(path, likelihood=likelihood) if path.suffix in (".yaml", ".yml") else None
    for file in export_record(source, card, likelihood, out, id=name):
        echo(str(file))


def _new(out: Path, force: bool) -> None:
    """Refuse to write over a file, before anything is computed.

    Raises:
        InputError: for one that is there.
    """
    if not force and out.is_file():
        raise InputError(
            f"{str(out)!r} is there already",
            where="--out",
            allowed="give another name, or --force to write over it",
        )


def _given(
    model: str, settings: tuple[str, ...], preset: str, form_factors: tuple[str, ...]
) -> tuple[str, dict[str, Any], Any]:
    """Model, parameters and inputs of a command."""
    from bsnunu_jax.models import get_model
    from bsnunu_jax.runs.given import inputs_of, parameters_of

    return (
        model,
        parameters_of(get_model(model, "--model"), settings),
        inputs_of(preset, form_factors),
    )


COMMANDS = (export,)
