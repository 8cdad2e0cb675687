"""Commands that evaluate much at once: scan, reproduce."""

import os
from pathlib import Path

import click

from bsnunu_jax.commands.options import CARD, PATH, QUIET, SEED, echo, seed_of
from bsnunu_jax.foundation.errors import InputError, RunError
from bsnunu_jax.foundation.interrupts import KEPT, keep


@click.command()
@CARD
@click.option("--out", type=PATH, required=True, help="Result folder.")
@SEED
@click.option("--resume", is_flag=True, help="Go on with the scan in the result folder.")
@click.option(
    "--distributed", is_flag=True, help="One of several processes that SLURM or Open MPI started."
)
@click.option(
    "--coordinator",
    metavar="HOST:PORT",
    help="Of the first process, for processes that are started by hand.",
)
@click.option("--processes", type=click.IntRange(1), metavar="N", help="How many they are.")
@click.option("--process", type=click.IntRange(0), metavar="I", help="Which one this is, from 0.")
@QUIET
def scan(
    card: Path,
    out: Path,
    seed: int | None,
    resume: bool,
    distributed: bool,
    coordinator: str | None,
    processes: int | None,
    process: int | None,
    quiet: bool,
) -> None:
    """Evaluate many points: grids, random or Sobol designs, selections on the fly.

    Example: bsnunu scan fits/scan_cr.yaml --out results/scan_cr
    """
    from bsnunu_jax.scan.card import ScanCard
    from bsnunu_jax.scan.hosts import Hosts, LostProcessError, join
    from bsnunu_jax.scan.run import run_scan

    if str(out) == ".":
        raise InputError("the result folder has no name", where="--out", allowed="a folder")
    keep(KEPT)
    by_hand = (coordinator, processes, process) != (None, None, None)
    hosts = join(coordinator, processes, process) if distributed or by_hand else Hosts()
    try:
        text = run_scan(ScanCard(card, seed=seed), out, resume=resume, quiet=quiet, hosts=hosts)
    except (LostProcessError, RunError) as error:
        if hosts.count == 1:
            raise
        click.echo(f"bsnunu: error: {error}", err=True)
        os._exit(1)  # JAX would wait for the others when Python ends
    if hosts.first:
        echo(text)
        echo(f"results: {out}")


@click.command()
@click.argument("names", nargs=-1, metavar="ITEM...")
@click.option(
    "--out",
    type=PATH,
    default=Path("results/reproduce"),
    show_default=True,
    help="Gets one folder an item.",
)
@click.option(
    "--data",
    type=click.Choice(["paper", "2026"]),
    default="paper",
    show_default=True,
    help="Measurements, limits and inputs of the paper, or those of 2026.",
)
@click.option(
    "--likelihood",
    type=PATH,
    metavar="DIR",
    help="Folder with Belle II's published likelihood, or belle2-knunu; without it `belle2` is "
    "skipped.",
)
@seed_of("Of scans and draws.")
@click.option("--list", "list_items", is_flag=True, help="List the items.")
@QUIET
def reproduce(
    names: tuple[str, ...],
    out: Path,
    data: str,
    likelihood: Path | None,
    seed: int,
    list_items: bool,
    quiet: bool,
) -> None:
    """Compute figures and numbers of arXiv:2309.12741, of the slides and of Belle II anew.

    Example: bsnunu reproduce fig2 claims
    """
    from bsnunu_jax.experiments.records.record import check_files, likelihood_folder
    from bsnunu_jax.reproduce.items import ITEMS, get_items

    if list_items:
        return echo("\n".join(f"{i.name:<20} {i.title}" for i in ITEMS.values()))
    if not names:
        raise click.UsageError(f"name items: all, {', '.join(ITEMS)}")
    items = get_items(names)
    from bsnunu_jax.reproduce.run import run_reproduce
    from bsnunu_jax.reproduce.settings import Settings

    keep("items that are done are kept")
    found = likelihood_folder(str(likelihood), Path()) if likelihood else None
    if found:
        check_files(found)
    settings = Settings(data, seed=seed, likelihood=found, quiet=quiet)
    try:
        echo(run_reproduce(items, settings, out))
    except RunError as error:
        click.echo(f"bsnunu: error: {error}", err=True)
        os._exit(1)  # Python would wait for what the threads compute


COMMANDS = (scan, reproduce)
