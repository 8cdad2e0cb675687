"""The command `bsnunu`: its commands, exit codes and errors in one line."""

import errno
import sys
from importlib import import_module
from pkgutil import iter_modules

import click

from bsnunu_jax import commands
from bsnunu_jax.commands.options import drop_stdout, fail
from bsnunu_jax.foundation import interrupts, process
from bsnunu_jax.foundation.compilation_cache import use_compilation_cache
from bsnunu_jax.foundation.errors import InputError, RunError
from bsnunu_jax.foundation.version import __version__

CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=CONTEXT)
@click.version_option(__version__, prog_name="bsnunu")
def bsnunu() -> None:
    """Decays of B, Bs, Lambda_b, K and D to a hadron and missing energy: predictions and fits.

    Results go to stdout, progress and errors to stderr. Exit codes: 0 done, 2 bad input, 1 failure,
    130 interrupted.
    """
    interrupts.keep("")
    use_compilation_cache()


for _module in iter_modules(commands.__path__):
    for _command in getattr(import_module(f"{commands.__name__}.{_module.name}"), "COMMANDS", ()):
        bsnunu.add_command(_command)


def main(arguments: list[str] | None = None) -> None:
    """Run the command: errors as one line on stderr and an exit code.

    Args:
        arguments: of a command that another program runs; None if this process is the command,
            whose signals and streams are then ours.
    """
    if arguments is None:
        process.begin()
    try:
        if sys.stdout is None:
            raise OSError(errno.EBADF, "stdout is closed")
        code = bsnunu.main(arguments, prog_name="bsnunu", standalone_mode=False)
    except InputError as error:
        fail(str(error), 2)
    except RunError as error:
        fail(str(error), 1)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        code = 2
    except click.ClickException as error:
        fail(error.format_message().replace("\n", " "), 2)
    except (KeyboardInterrupt, click.Abort):
        fail(interrupts.message(), 130)
    except OSError as error:
        if error.filename is not None:
            fail(f"{error.filename}: {error.strerror}", 1)
        drop_stdout()
        fail(f"cannot write the output ({error.strerror or error})", 1)
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
