"""Options that several commands share, and how commands speak."""

import os
import sys
from pathlib import Path
from typing import Any, NoReturn

import click

from bsnunu_jax.foundation.errors import shown
from bsnunu_jax.foundation.plain_numbers import real_number


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
CARD = click.argument("card", type=click.Path(path_type=Path))
SEED = click.option(
    "--seed", type=click.IntRange(0, 2**31 - 1), help="Seed, instead of the card's."
)
LIKELIHOOD = click.option(
    "--likelihood",
    type=click.Path(path_type=Path),
    metavar="DIR",
    help="Folder with Belle II's published likelihood, or belle2-knunu for the one that "
    "`bsnunu data get belle2-knunu` fills.",
)
QUIET = click.option("--quiet", is_flag=True, help="No progress on stderr.")
JSON = click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
LEVEL = click.option(
    "--cl", type=_Between(0.5, 0.9999), default=0.95, show_default=True, help="Confidence level."
)
TOYS = click.option(
    "--toys",
    type=click.IntRange(0, 10_000_000),
    default=0,
    show_default=True,
    help="Toys of every hypothesis, besides asymptotic formulas.",
)


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
