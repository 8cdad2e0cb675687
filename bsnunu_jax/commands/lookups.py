"""Commands that look something up: predict, inputs, list."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import click

from bsnunu_jax.commands.options import (
    DOMAIN,
    FORM_FACTORS,
    JSON,
    MODEL,
    PATH,
    PRESET,
    echo,
    seed_of,
)


@click.command()
@click.argument("observables", nargs=-1, metavar="OBSERVABLE...")
@MODEL
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter: see `bsnunu list parameters MODEL`.",
)
@click.option("--wcxf", type=PATH, metavar="FILE", help="Coefficients from a WCxf file.")
@click.option("--q2", metavar="A,B,...", help="q2 in GeV^2, for spectra.")
@PRESET
@FORM_FACTORS
@click.option("--tree-tau", is_flag=True, help="Add B+ -> tau nu, tau -> K+, K*+, pi+, rho+ nu.")
@click.option(
    "--errors", type=click.IntRange(2, 1_000_000), metavar="N", help="Spread over N input draws."
)
@seed_of("Seed of the draws.")
@DOMAIN
@click.option(
    "--sm", is_flag=True, help="All decays in the SM, with uncertainties and published values."
)
@JSON
def predict(
    observables: tuple[str, ...],
    settings: tuple[str, ...],
    wcxf: Path | None,
    sm: bool,
    as_json: bool,
    **options: Any,
) -> None:
    """Predict observables, e.g. bsnunu predict 'BR(B+->K+inv)' R_K_nunu --set CR_tautau=-11.

    Names: `bsnunu list observables`, `bsnunu list models`, `bsnunu list parameters MODEL`.
    """
    from bsnunu_jax.exchange.read import point
    from bsnunu_jax.foundation.errors import InputError
    from bsnunu_jax.runs import predict as room
    from bsnunu_jax.runs import standard_model
    from bsnunu_jax.runs.predict_table import as_table

    if sm:
        _alone(observables=observables, set=settings, wcxf=wcxf, **options)
        kept = {k: options[k] for k in ("preset", "form_factors", "errors", "seed")}
        table = standard_model.standard_model(**kept)
        echo(json.dumps(table) if as_json else standard_model.as_table(table))
        return
    if not observables:
        raise InputError(
            "no observable is given",
            where="predict",
            allowed="e.g. bsnunu predict 'BR(B+->K+inv)', or --sm for all decays",
        )
    given = None if wcxf is None else partial(point, wcxf)
    result = room.predict(observables, settings=settings, given=given, **options)
    for line in result.get("warnings", ()):
        click.echo(f"bsnunu: warning: {line}", err=True)
    echo(json.dumps(result) if as_json else as_table(result))


# What the table of the SM may be asked for beside what it is: its inputs.
_OF_SM = ("preset", "form_factors", "errors", "seed", "domain")


def _alone(**given: Any) -> None:
    """Refuse what the table of the SM has no use for.

    Raises:
        InputError: naming the first such option.
    """
    from bsnunu_jax.foundation.errors import InputError

    for name, value in given.items():
        if name not in _OF_SM and value and (name, value) != ("model", "neutrinos"):
            what = "observables are" if name == "observables" else f"--{name.replace('_', '-')} is"
            raise InputError(
                f"{what} of no use beside --sm",
                where="predict",
                allowed="--preset, --form-factors, --errors, --seed and --json are",
            )


@click.command()
@click.option("--preset", default="default", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout: values only.")
def inputs(preset: str, as_json: bool) -> None:
    """Print every number in use: values, uncertainties, units, sources, form factors."""
    from bsnunu_jax.foundation.located_yaml import located
    from bsnunu_jax.runs import listing

    with located("--preset"):
        text = listing.inputs_json(preset) if as_json else listing.inputs_table(preset)
    echo(text)


@click.command("list")
@click.argument("what", metavar="models|observables|measurements|records|presets|cards|parameters")
@click.argument("model", required=False)
@click.option("--mode", metavar="MODE", help="Observables of one decay, e.g. 'Bs->phi'.")
@JSON
def list_(what: str, model: str | None, mode: str | None, as_json: bool) -> None:
    """List models, observables, measurements, records, presets or cards; or parameters of a MODEL.

    Example: bsnunu list parameters scalar-pair
    """
    from bsnunu_jax.foundation.errors import InputError
    from bsnunu_jax.runs import listing

    if what == "parameters":
        if model is None:
            raise InputError(
                "no model is given",
                where="list parameters",
                allowed="e.g. bsnunu list parameters neutrinos",
            )
        about = listing.parameters(model)
        echo(json.dumps(about) if as_json else listing.parameters_text(about))
        return
    if model is not None and what in listing.KINDS:
        raise InputError(
            f"{model!r} after {what!r}", where="list", allowed="a MODEL follows `parameters` alone"
        )
    found = listing.listing(what, mode)
    echo(json.dumps(found) if as_json else listing.as_text(found))


COMMANDS = (predict, inputs, list_)
