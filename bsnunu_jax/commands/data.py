"""Commands on published data that do not come with the package."""

import json
import shlex
from pathlib import Path

import click

from bsnunu_jax.commands.options import JSON, PATH, echo, fail
from bsnunu_jax.foundation.interrupts import keep

_FILES = click.option(
    "--from",
    "source",
    type=PATH,
    metavar="DIR",
    help="Folder with the files [where `bsnunu data get` puts them].",
)


@click.group()
def data() -> None:
    """Published likelihoods: belle2-knunu, records of your own, workspaces of pyhf."""


@data.command("get")
@click.argument("name", metavar="belle2-knunu|ID")
@click.option(
    "--from",
    "source",
    type=PATH,
    metavar="DIR",
    help="Copy the files from a folder, e.g. of a browser's downloads.",
)
@click.option(
    "--out",
    type=PATH,
    metavar="DIR",
    help="Where to put them [$XDG_DATA_HOME/bsnunu_jax/belle2-knunu, with ~/.local/share for "
    "$XDG_DATA_HOME if that is not set; the folder of a record that was added].",
)
def data_get(name: str, source: Path | None, out: Path | None) -> None:
    """Download a published likelihood from HEPData; checksums are verified.

    Files that are there are kept, and a download that was stopped goes on.
    """
    from bsnunu_jax.experiments.records import hepdata
    from bsnunu_jax.experiments.records import record as data_sets
    from bsnunu_jax.experiments.records.added import get_data_set

    keep("the same command goes on with what is there")
    wanted = get_data_set(name)
    folder = out or wanted.place
    try:
        done = data_sets.copy(wanted, source, folder) if source else hepdata.get(wanted, folder)
        echo("\n".join(f"{file}: {what}" for file, what in done.items()))
        use = f"bsnunu fit CARD --likelihood {shlex.quote(str(folder))}"
        echo(f"{folder}\n{use if wanted.folder is None else f'in a card: data: [{name}]'}")
    except hepdata.DownloadError as error:
        fail(str(error), 1)


@data.command("add")
@click.argument("folder", type=PATH)
@click.option("--replace", is_flag=True, help="In the place of a record of this id.")
def data_add(folder: Path, replace: bool) -> None:
    """Check the record in FOLDER and copy it, so that cards can name it by its id.

    Example: bsnunu data add my_folder/
    """
    from bsnunu_jax.experiments.catalogue import measurement_names
    from bsnunu_jax.experiments.checks import check_record
    from bsnunu_jax.experiments.records.added import add
    from bsnunu_jax.experiments.records.folder import Record

    record = Record.read(folder)
    name, missing = record.content.id, record.missing
    lines = [] if missing else check_record(folder)
    target = add(folder, measurement_names(), replace=replace)
    todo = f"not here yet: {', '.join(missing)}; `bsnunu data get {name}` downloads"
    echo("\n".join([*lines, *([todo] if missing else []), str(target)]))
    echo(f"in a card: data: [{name}]")


@data.command("check")
@click.argument("name", metavar="belle2-knunu|ID|FOLDER")
@_FILES
def data_check(name: str, source: Path | None) -> None:
    """Verify the files of a published likelihood: checksums, and that their bins match.

    Of a FOLDER with a record.yaml also how well its null model gives the nominal signal.
    """
    from bsnunu_jax.experiments import checks
    from bsnunu_jax.experiments.records.added import added, get_data_set
    from bsnunu_jax.experiments.records.folder import is_record

    folder = Path(name) if is_record(Path(name)) else added().get(name)
    if folder is not None:
        return echo("\n".join(checks.check_record(folder)))
    wanted = get_data_set(name)
    echo("\n".join(checks.check_data_set(wanted, source or wanted.place)))


@data.command("compact")
@click.argument("name", metavar="belle2-knunu|ID|FOLDER")
@_FILES
@click.option("--out", type=PATH, help="File for the table [stdout].")
def data_compact(name: str, source: Path | None, out: Path | None) -> None:
    """Make the compact form of a published likelihood; its accuracy goes to stderr.

    A record that names it, `compact: FILE`, needs neither workspace nor densities.
    """
    from bsnunu_jax.experiments import checks
    from bsnunu_jax.experiments.histfactory.compact_table import accuracy, as_yaml, compacted
    from bsnunu_jax.experiments.records.added import added, get_data_set
    from bsnunu_jax.experiments.records.folder import Record, is_record
    from bsnunu_jax.foundation.files import write_whole

    folder = Path(name) if is_record(Path(name)) else added().get(name)
    if folder is not None:
        likelihood = Record.read(folder).measurement()
    else:
        wanted = get_data_set(name)
        likelihood = checks.load_data_set(wanted, source or wanted.place)
    made = compacted(likelihood)
    click.echo(accuracy(likelihood, made), err=True)
    text = as_yaml(made, name)
    if out is None:
        return echo(text.rstrip("\n"))
    write_whole(out, text)


@data.command("toy")
@click.argument("name", metavar="kstar|xs")
@click.argument("folder", type=PATH)
def data_toy(name: str, folder: Path) -> None:
    """Write an invented experiment as a record: B0 -> K*0 nu nubar, or X_s in three regions.

    Example: bsnunu data toy kstar toy_kstar/
    """
    from bsnunu_jax.experiments.records.folder import is_record
    from bsnunu_jax.experiments.records.toys import write_toy
    from bsnunu_jax.foundation.errors import InputError

    if is_record(folder):
        raise InputError("has a record already", where=str(folder), allowed="another folder")
    try:
        content = write_toy(name, folder)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(folder)) from None
    echo(f"{content['title']}\nin a card: data: [{folder}/]")


@data.command("density")
@click.argument("file", type=PATH)
@click.option(
    "--at",
    type=PATH,
    metavar="VALUES.json",
    help="Parameters by name, a number or a list each [initial values of the measurement].",
)
@click.option("--measurement", metavar="NAME", help="Of the workspace, if it has several.")
@click.option(
    "--patch",
    metavar="FILE:NAME",
    help="Patch to apply first: of a patch set, or FILE alone with one JSON patch.",
)
@JSON
def data_density(
    file: Path, at: Path | None, measurement: str | None, patch: str | None, as_json: bool
) -> None:
    """The log-density of a pyhf workspace, all terms, as pyhf has it.

    Example: bsnunu data density workspace.json --at values.json
    """
    from bsnunu_jax.experiments.histfactory.evaluated import as_table, evaluated

    chosen = None
    if patch is not None:
        before, colon, name = patch.rpartition(":")
        chosen = (Path(before), name) if colon else (Path(patch), None)
    found = evaluated(file, at, measurement, chosen)
    echo(json.dumps(found) if as_json else as_table(found))


COMMANDS = (data,)
