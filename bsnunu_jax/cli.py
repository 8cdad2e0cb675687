"""The command `bsnunu`, from `bsnunu fit` to `bsnunu data`."""

import errno
import json
import os
import shlex
import sys
from pathlib import Path
from typing import Any

import click

from bsnunu_jax import __version__
from bsnunu_jax.errors import InputError
from bsnunu_jax.exchange.commands import export

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="bsnunu")
def bsnunu() -> None:
    """B -> K(*) + missing energy: predictions and fits to Belle II data.

    Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 2 bad input, 1 failure.
    """


bsnunu.add_command(export)


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
    help="Folder with Belle II's published likelihood, or belle2-knunu for the one that "
    "`bsnunu data get belle2-knunu` fills.",
)
@click.option("--resume", is_flag=True, help="Go on with the run in the result folder.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def fit(card: Path, out: Path | None, seed: int | None, chains: int | None, draws: int | None,
        likelihood: Path | None, resume: bool, quiet: bool) -> None:  # fmt: skip
    """Fit a run card: best fit, posterior, table and figures.

    Example: bsnunu fit fits/belle2_cr.yaml
    """
    from bsnunu_jax.compilation_cache import use_compilation_cache
    from bsnunu_jax.config import Card
    from bsnunu_jax.fit import run_fit, use_cpu_devices

    use_compilation_cache()
    loaded = Card(card, seed=seed, chains=chains, draws=draws, likelihood=likelihood)
    use_cpu_devices(loaded.sampler.chains)
    folder = out or Path("results") / card.stem
    _print(run_fit(loaded, folder, resume=resume, quiet=quiet))
    _print(f"results: {folder}")


@bsnunu.command()
@click.argument("card", type=click.Path(path_type=Path))
@click.option("--parameter", metavar="NAME", help="Of interest; the card's, if it has one.")
@click.option(
    "--null", type=float, default=0.0, show_default=True, help="Its value without a signal."
)
@click.option(
    "--cl", type=click.FloatRange(0.5, 0.9999), default=0.95, show_default=True,
    help="Confidence level.",
)  # fmt: skip
@click.option("--test", "tested", type=float, multiple=True, metavar="VALUE",
              help="A value to test besides the null; may be given several times.")  # fmt: skip
@click.option(
    "--toys", type=click.IntRange(0, 10_000_000), default=0, show_default=True,
    help="Toys of every hypothesis, besides asymptotic formulas.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Seed, instead of the card's.")
@click.option(
    "--likelihood",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with Belle II's published likelihood (HEPData 10.17182/hepdata.166082).",
)
@click.option("--posterior", type=click.Path(path_type=Path), metavar="DIR",
              help="Result folder of a fit of the card: posterior predictive check.")  # fmt: skip
@click.option(
    "--out", type=click.Path(path_type=Path), help="Result folder [results/CARD/limit_NAME]."
)
@click.option("--resume", is_flag=True, help="Go on with the toys in the result folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def limit(card: Path, parameter: str | None, seed: int | None, likelihood: Path | None,
          out: Path | None, as_json: bool, **options: Any) -> None:  # fmt: skip
    """Upper limit or interval of one parameter, significance and goodness of fit.

    Example: bsnunu limit fits/belle2_wet.yaml --parameter cVL
    """
    from bsnunu_jax.config import Card
    from bsnunu_jax.limit import run_limit
    from bsnunu_jax.report.limit_table import limit_table

    loaded = Card(card, seed=seed, likelihood=likelihood)
    name = parameter or next(iter(loaded.content.parameters))
    folder = out or Path("results") / card.stem / f"limit_{name}"
    result = run_limit(loaded, folder, parameter=parameter, **options)
    if as_json:
        _print(json.dumps(result))
    else:
        _print(limit_table(result))
        _print(f"results: {folder}")


@bsnunu.command()
@click.argument("card", type=click.Path(path_type=Path))
@click.option("--luminosity", required=True, metavar="X,...",
              help="Of the Belle II data, in 1/ab; today's are 0.362.")  # fmt: skip
@click.option("--parameter", metavar="NAME", help="Of interest; the card's, if it has one.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE[,...]",
              help="Hold a parameter, or change what is held; may be repeated.")  # fmt: skip
@click.option("--true", metavar="VALUE,...",
              help="True values whose median significance is wanted.")  # fmt: skip
@click.option("--null", type=float, help="The value without a signal [0; Lambda: infinite].")
@click.option(
    "--systematics", type=float, default=1.0, show_default=True,
    help="Of the Belle II data, over those of today.",
)  # fmt: skip
@click.option(
    "--cl", type=click.FloatRange(0.5, 0.9999), default=0.95, show_default=True,
    help="Confidence level.",
)  # fmt: skip
@click.option(
    "--toys", type=click.IntRange(0, 10_000_000), default=0, show_default=True,
    help="Toys of every hypothesis, besides asymptotic formulas.",
)  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Seed, instead of the card's.")
@click.option(
    "--likelihood",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with Belle II's published likelihood (HEPData 10.17182/hepdata.166082).",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Result folder [results/CARD/project_NAME]."
)
@click.option("--resume", is_flag=True, help="Go on with the toys in the result folder.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def project(card: Path, luminosity: str, parameter: str | None, settings: tuple[str, ...],
            true: str | None, seed: int | None, likelihood: Path | None, out: Path | None,
            as_json: bool, **options: Any) -> None:  # fmt: skip
    """Expected limits and discovery reach with other luminosities of Belle II.

    Example: bsnunu project fits/belle2_mu.yaml --luminosity 0.362,5,50 --true 1
    """
    from bsnunu_jax.compilation_cache import use_compilation_cache
    from bsnunu_jax.config import Card
    from bsnunu_jax.project import read_numbers, read_settings, run_project
    from bsnunu_jax.report.project_table import project_table

    use_compilation_cache()
    loaded = Card(card, seed=seed, likelihood=likelihood)
    held = read_settings(settings)
    left = [name for name in loaded.content.parameters if name not in held]
    folder = out or Path("results") / card.stem / f"project_{parameter or ''.join(left[:1])}"
    result = run_project(
        loaded, folder, luminosities=read_numbers(luminosity, "--luminosity"),
        parameter=parameter, settings=held, true=read_numbers(true, "--true") if true else (),
        **options,
    )  # fmt: skip
    if as_json:
        _print(json.dumps(result))
    else:
        _print(project_table(result))
        _print(f"results: {folder}")


@bsnunu.command()
@click.argument("card", type=click.Path(path_type=Path))
@click.option("--over", multiple=True, required=True, metavar="NAME[=LOW:HIGH[:POINTS]]",
              help="A parameter that is not profiled; once or twice.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Seed, instead of the card's.")
@click.option(
    "--likelihood",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with Belle II's published likelihood (HEPData 10.17182/hepdata.166082).",
)
@click.option(
    "--out", type=click.Path(path_type=Path), help="Result folder [results/CARD/profile_NAME_NAME]."
)
@click.option("--resume", is_flag=True, help="Write into the result folder again.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def profile(card: Path, over: tuple[str, ...], seed: int | None, likelihood: Path | None,
            out: Path | None, as_json: bool, **options: Any) -> None:  # fmt: skip
    """Profile likelihood over one or two parameters, everything else at its best.

    Example: bsnunu profile fits/belle2_cr.yaml --over CR_mutau=0:15 --over CR_tautau=-25:15
    """
    from bsnunu_jax.compilation_cache import use_compilation_cache
    from bsnunu_jax.config import Card
    from bsnunu_jax.profile import profile_table, run_profile

    use_compilation_cache()
    loaded = Card(card, seed=seed, likelihood=likelihood)
    names = "_".join(text.partition("=")[0] for text in over)
    folder = out or Path("results") / card.stem / f"profile_{names}"
    result = run_profile(loaded, folder, over, **options)
    if as_json:
        _print(json.dumps(result))
    else:
        _print(profile_table(result))
        _print(f"results: {folder}")


@bsnunu.command()
@click.argument("card", type=click.Path(path_type=Path))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Result folder.")
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Seed, instead of the card's.")
@click.option("--resume", is_flag=True, help="Go on with the scan in the result folder.")
@click.option("--distributed", is_flag=True,
              help="One of several processes that SLURM or Open MPI started.")  # fmt: skip
@click.option("--coordinator", metavar="HOST:PORT",
              help="Of the first process, for processes that are started by hand.")  # fmt: skip
@click.option("--processes", type=click.IntRange(1), metavar="N", help="How many they are.")
@click.option("--process", type=click.IntRange(0), metavar="I", help="Which one this is, from 0.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def scan(card: Path, out: Path, seed: int | None, resume: bool, distributed: bool,
         coordinator: str | None, processes: int | None, process: int | None,
         quiet: bool) -> None:  # fmt: skip
    """Evaluate many points: grids, random or Sobol designs, selections on the fly.

    Example: bsnunu scan fits/scan_cr.yaml --out results/scan_cr
    """
    from bsnunu_jax.compilation_cache import use_compilation_cache
    from bsnunu_jax.scan.card import ScanCard
    from bsnunu_jax.scan.hosts import Hosts, LostProcessError, join
    from bsnunu_jax.scan.run import run_scan

    if str(out) == ".":
        raise InputError("the result folder has no name", where="--out", allowed="a folder")
    use_compilation_cache()
    by_hand = (coordinator, processes, process) != (None, None, None)
    hosts = join(coordinator, processes, process) if distributed or by_hand else Hosts()
    try:
        text = run_scan(ScanCard(card, seed=seed), out, resume=resume, quiet=quiet, hosts=hosts)
    except LostProcessError as error:
        click.echo(f"bsnunu: error: {error}", err=True)
        os._exit(1)  # JAX would wait for the others when Python ends
    if hosts.first:
        _print(text)
        _print(f"results: {out}")


@bsnunu.command()
@click.argument(
    "cards", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="CARD..."
)
@click.option("--out", type=click.Path(path_type=Path), help="Result folder; none if left out.")
@click.option(
    "--likelihood",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with Belle II's published likelihood (HEPData 10.17182/hepdata.166082).",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), help="Seed, instead of the cards'.")
@click.option("--resume", is_flag=True, help="Keep the variants that the result folder holds.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def compare(cards: tuple[Path, ...], out: Path | None, likelihood: Path | None, seed: int | None,
            as_json: bool, **options: Any) -> None:  # fmt: skip
    """Compare models with the SM: best fits, Delta chi2 by data set, evidence.

    Example: bsnunu compare fits/dark_sector.yaml --out results/dark_sector
    """
    from bsnunu_jax.compare import run_compare
    from bsnunu_jax.comparison_card import load_comparison
    from bsnunu_jax.compilation_cache import use_compilation_cache
    from bsnunu_jax.report.compare_table import compare_table

    use_compilation_cache()
    loaded = load_comparison(cards, seed=seed, likelihood=likelihood)
    result = run_compare(loaded, out, **options)
    if as_json:
        _print(json.dumps(result))
    else:
        _print(compare_table(result))
        if out:
            _print(f"results: {out}")


@bsnunu.command()
@click.argument("names", nargs=-1, metavar="ITEM...")
@click.option("--out", type=click.Path(path_type=Path), default=Path("results/reproduce"),
              show_default=True, help="Gets one folder an item.")  # fmt: skip
@click.option("--data", type=click.Choice(["paper", "2026"]), default="paper", show_default=True,
              help="Measurements, limits and inputs of the paper, or those of 2026.")  # fmt: skip
@click.option(
    "--likelihood",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with Belle II's published likelihood, or belle2-knunu; without it `belle2` is "
    "skipped.",
)
@click.option("--seed", type=click.IntRange(0, 2**31 - 1), default=1, show_default=True,
              help="Of scans and draws.")  # fmt: skip
@click.option("--list", "list_items", is_flag=True, help="List the items.")
@click.option("--quiet", is_flag=True, help="No progress on stderr.")
def reproduce(names: tuple[str, ...], out: Path, data: str, likelihood: Path | None, seed: int,
              list_items: bool, quiet: bool) -> None:  # fmt: skip
    """Compute figures and numbers of arXiv:2309.12741, of the slides and of Belle II anew.

    Example: bsnunu reproduce fig2 claims
    """
    from bsnunu_jax.compilation_cache import use_compilation_cache
    from bsnunu_jax.experiments.belle2_published import check_files
    from bsnunu_jax.experiments.data_sets import likelihood_folder
    from bsnunu_jax.reproduce.items import ITEMS, get_items

    if list_items:
        return _print("\n".join(f"{i.name:<20} {i.title}" for i in ITEMS.values()))
    if not names:
        raise click.UsageError(f"name items: all, {', '.join(ITEMS)}")
    items = get_items(names)
    from bsnunu_jax.reproduce.run import run_reproduce
    from bsnunu_jax.reproduce.settings import Settings

    use_compilation_cache()
    found = likelihood_folder(str(likelihood), Path()) if likelihood else None
    if found:
        check_files(found)
    settings = Settings(data, seed=seed, likelihood=found, quiet=quiet)
    try:
        _print(run_reproduce(items, settings, out))
    except KeyboardInterrupt:
        click.echo("bsnunu: error: interrupted; items that are done are kept", err=True)
        os._exit(130)  # Python would wait for what the threads compute


@bsnunu.command()
@click.argument("observables", nargs=-1, required=True, metavar="OBSERVABLE...")
@click.option("--model", default="neutrinos", show_default=True, help="See `bsnunu list models`.")
@click.option("--set", "settings", multiple=True, metavar="NAME=VALUE", help="A parameter.")
@click.option("--wcxf", type=click.Path(path_type=Path), metavar="FILE",
              help="Coefficients from a WCxf file.")  # fmt: skip
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
@click.option(
    "--domain", type=click.Choice(["warn", "error", "ignore"]), default="warn", show_default=True,
    help="Where the model is not to be trusted.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def predict(observables: tuple[str, ...], settings: tuple[str, ...], as_json: bool,
            **options: Any) -> None:  # fmt: skip
    """Predict observables, e.g. bsnunu predict 'BR(B+->K+inv)' R_K_nunu --set CR_tautau=-11."""
    from bsnunu_jax import predict as room

    result = room.predict(observables, settings=settings, **options)
    for line in result.get("warnings", ()):
        click.echo(f"bsnunu: warning: {line}", err=True)
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


_FILES = click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with the files [where `bsnunu data get` puts them].",
)


@bsnunu.group()
def data() -> None:
    """Published data that do not come with the package: belle2-knunu."""


@data.command("get")
@click.argument("name", metavar="belle2-knunu")
@click.option(
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Copy the files from a folder, e.g. of a browser's downloads.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Where to put them [$XDG_DATA_HOME/bsnunu_jax/belle2-knunu, with ~/.local/share for "
    "$XDG_DATA_HOME if that is not set].",
)
def data_get(name: str, source: Path | None, out: Path | None) -> None:
    """Download Belle II's published likelihood from HEPData; checksums are verified.

    Files that are there are kept, and a download that was stopped goes on.
    """
    from bsnunu_jax.experiments import data_sets, hepdata

    wanted = data_sets.get_data_set(name)
    folder = out or data_sets.user_folder(name)
    try:
        done = data_sets.copy(wanted, source, folder) if source else hepdata.get(wanted, folder)
        _print("\n".join(f"{file}: {what}" for file, what in done.items()))
        _print(f"{folder}\nbsnunu fit CARD --likelihood {shlex.quote(str(folder))}")
    except hepdata.DownloadError as error:
        _fail(str(error), 1)
    except KeyboardInterrupt:
        _fail("interrupted; the same command goes on with what is there", 130)


@data.command("check")
@click.argument("name", metavar="belle2-knunu")
@_FILES
def data_check(name: str, source: Path | None) -> None:
    """Verify the files of Belle II's published likelihood: checksums, and that their bins match."""
    from bsnunu_jax.experiments import data_sets

    wanted = data_sets.get_data_set(name)
    _print("\n".join(data_sets.check(wanted, source or data_sets.user_folder(name))))


@data.command("compact")
@click.argument("name", metavar="belle2-knunu")
@_FILES
@click.option("--out", type=click.Path(path_type=Path), help="File for the table [stdout].")
def data_compact(name: str, source: Path | None, out: Path | None) -> None:
    """Make the compact likelihood that comes with the package; its accuracy goes to stderr."""
    from bsnunu_jax.experiments import belle2_compact, data_sets

    wanted = data_sets.get_data_set(name)
    published = data_sets.load(wanted, source or data_sets.user_folder(name))
    made = belle2_compact.compacted(published)
    click.echo(belle2_compact.accuracy(published, made), err=True)
    text = belle2_compact.as_yaml(made)
    if out is None:
        return _print(text.rstrip("\n"))
    try:
        out.write_text(text)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(out)) from None


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
