"""The command `bsnunu`: fit, predict, inputs, list."""

import errno
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from bsnunu_jax import __version__
from bsnunu_jax.errors import InputError

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="bsnunu")
def bsnunu() -> None:
    """B -> K(*) + missing energy: predictions and fits to Belle II data.

    Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 2 bad input, 1 failure.
    """


@bsnunu.command()
@click.argument("card", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), help="Result folder [results/CARD].")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Seed, instead of the card's.")
@click.option("--chains", type=click.IntRange(1, 1024), help="Chains, instead of the card's.")
@click.option(
    "--draws", type=click.IntRange(10, 1_000_000), help="Draws per chain, instead of the card's."
)
@click.option(
    "--likelihood",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with Belle II's published likelihood (HEPData 10.17182/hepdata.166082).",
)
@click.option("--resume", is_flag=True, help="Go on with the run in the result folder.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def fit(card: Path, out: Path | None, seed: int | None, chains: int | None, draws: int | None,
        likelihood: Path | None, resume: bool, quiet: bool) -> None:  # fmt: skip
    """Fit a run card: best fit, posterior, table and figures.

    Example: bsnunu fit fits/belle2_cr.yaml
    """
    from bsnunu_jax.config import Card
    from bsnunu_jax.fit import run_fit, use_cpu_devices

    loaded = Card(card, seed=seed, chains=chains, draws=draws, likelihood=likelihood)
    use_cpu_devices(loaded.sampler.chains)
    folder = out or Path("results") / card.stem
    _print(run_fit(loaded, folder, resume=resume, quiet=quiet))
    _print(f"results: {folder}")


@bsnunu.command()
@click.argument("observables", nargs=-1, required=True, metavar="OBSERVABLE...")
@click.option("--model", default="neutrinos", show_default=True, help="See `bsnunu list models`.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter.")
@click.option("--q2", metavar="A,B,...", help="q2 in GeV^2, for spectra.")
@click.option("--preset", default="default", show_default=True, help="Inputs.")
@click.option("--form-factors", multiple=True, metavar="B->K=SET", help="Another set.")
@click.option("--tree-tau", is_flag=True, help="Add B+ -> tau nu (-> K+ nu) nu to B+->K+.")
@click.option(
    "--errors",
    type=click.IntRange(2, 1_000_000),
    metavar="N",
    help="Spread over N input draws.",
)
@click.option(
    "--seed",
    type=click.IntRange(0, 2**31 - 1),
    default=1,
    show_default=True,
    help="Seed of the draws.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def predict(observables: tuple[str, ...], settings: tuple[str, ...], as_json: bool,
            **options: Any) -> None:  # fmt: skip
    """Predict observables, e.g. bsnunu predict 'BR(B+->K+inv)' R_K_nunu --set CR_tautau=-11."""
    from bsnunu_jax import predict as room

    result = room.predict(observables, settings=settings, **options)
    _print(json.dumps(result) if as_json else room.as_table(result))


@bsnunu.command()
@click.option("--preset", default="default", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout: values only.")
def inputs(preset: str, as_json: bool) -> None:
    """Print every number in use: values, uncertainties, units, sources, form factors."""
    from bsnunu_jax import listing
    from bsnunu_jax.located_yaml import located

    with located("--preset"):
        text = listing.inputs_json(preset) if as_json else listing.inputs_table(preset)
    _print(text)


@bsnunu.command("list")
@click.argument("what", metavar="|".join(("models", "observables", "measurements", "presets",
                                          "cards")))  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def list_(what: str, as_json: bool) -> None:
    """List models, observables, measurements, presets or cards."""
    from bsnunu_jax import listing

    found = listing.listing(what)
    _print(json.dumps(found) if as_json else listing.as_text(found))


def main(arguments: list[str] | None = None) -> None:
    """Run the command: errors as one line on stderr and an exit code."""
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, "stdout is closed")
        code = bsnunu.main(arguments, prog_name="bsnunu", standalone_mode=False)
    except InputError as error:
        _fail(str(error), 2)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        code = 2
    except click.ClickException as error:
        _fail(error.format_message().replace("\n", " "), 2)
    except (KeyboardInterrupt, click.Abort):
        _fail("interrupted; finished blocks are kept: `--resume` goes on from them", 130)
    except OSError as error:
        if error.filename is not None:
            raise
        _drop_stdout()
        _fail(f"cannot write the output ({error.strerror or error})", 1)
    sys.exit(code if isinstance(code, int) else 0)


def _print(text: str) -> None:
    """Write to stdout; a reader that has left (`| head`) is no failure."""
    try:
        click.echo(text)
    except BrokenPipeError:
        _drop_stdout()


def _drop_stdout() -> None:
    """Lead stdout nowhere, or Python complains once more when it closes it."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _fail(message: str, code: int) -> None:
    click.echo(f"bsnunu: error: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
