"""Options that several commands share, and how commands speak."""

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, Protocol, TypeVar

import click

from bsnunu_jax.foundation.errors import shown
from bsnunu_jax.foundation.plain_numbers import real_number

Command = TypeVar("Command", bound=Callable[..., Any] | click.Command)


class Option(Protocol):
    """What adds an option to a command."""

    def __call__(self, command: Command, /) -> Command: ...


class _Number(click.ParamType):
    """A finite number in plain digits: click's own takes nan, 1_000 and digits of other scripts."""

    name = "float"

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        if isinstance(value, str):
            try:
                return real_number(value)
            except ValueError as error:
                self.fail(f"{shown(value)} {error}", param, ctx)
        return float(value)


class _Between(click.FloatRange):
    """The same within a range."""

    def convert(self, value: Any, param: Any, ctx: Any) -> float:
        return float(super().convert(NUMBER.convert(value, param, ctx), param, ctx))


NUMBER = _Number()
PATH = click.Path(path_type=Path)
CARD = click.argument("card", type=PATH)
_SEEDS = click.IntRange(0, 2**31 - 1)
SEED = click.option("--seed", type=_SEEDS, help="Seed, instead of the card's.")
LIKELIHOOD = click.option(
    "--likelihood",
    type=PATH,
    metavar="DIR",
    help="Folder with Belle II's published likelihood, or belle2-knunu for the one that "
    "`bsnunu data get belle2-knunu` fills.",
)
QUIET = click.option("--quiet", is_flag=True, help="No progress on stderr.")
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
LEVEL = click.option(
    "--cl", type=_Between(0.5, 0.9999), default=0.95, show_default=True, help="Confidence level."
)
PARAMETER = click.option(
    "--parameter", metavar="NAME", help="Of interest; the card's, if it has one."
)
MODEL = click.option(
    "--model", default="neutrinos", show_default=True, help="See `bsnunu list models`."
)
PRESET = click.option("--preset", default="default", show_default=True, help="Inputs.")
FORM_FACTORS = click.option(
    "--form-factors", multiple=True, metavar="B->K=SET", help="Another set."
)
DOMAIN = click.option(
    "--domain",
    type=click.Choice(["warn", "error", "ignore"]),
    default="warn",
    show_default=True,
    help="Where the model is not to be trusted.",
)
TOYS = click.option(
    "--toys",
    type=click.IntRange(0, 10_000_000),
    default=0,
    show_default=True,
    help="Toys of every hypothesis, besides asymptotic formulas.",
)


def out(folder: str) -> Option:
    """`--out` of a command that fills a result folder."""
    return click.option("--out", type=PATH, help=f"Result folder [results/CARD{folder}].")


def resume(what: str) -> Option:
    """`--resume`, and what it does."""
    return click.option("--resume", is_flag=True, help=what)


def seed_of(what: str) -> Option:
    """`--seed` of a command without a card."""
    return click.option("--seed", type=_SEEDS, default=1, show_default=True, help=what)


def answer(result: dict[str, Any], as_json: bool, table: str, folder: Path | None) -> None:
    """A result as JSON, or its table and where the files are."""
    if as_json:
        return echo(json.dumps(result))
    echo(table)
    if folder:
        echo(f"results: {folder}")


def echo(text: str) -> None:
    """Write to stdout; a reader that has left (`| head`) is no failure."""
    try:
        click.echo(text)
    except BrokenPipeError:
        drop_stdout()


def drop_stdout() -> None:
    """Lead stdout nowhere, or Python complains once more when it closes it."""
    if sys.stdout is not None:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def fail(message: str, code: int) -> NoReturn:
    """One line on stderr and an exit code."""
    click.echo(f"bsnunu: error: {message}", err=True)
    sys.exit(code)
