"""Directives that read the package: help of the commands, modules of a room, figures, files.

`commands` prints `--help` of every command, `room` documents the modules of a package,
`standard-model` is the table of `predict --sm`,
`gallery` shows the PNGs that `bsnunu reproduce --out docs/images/reproduce` has left.
"""

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import click
from docutils import nodes
from docutils.statemachine import StringList
from sphinx import addnodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

FIGURES = "images/reproduce"
DATA = {"": "data of the paper", "-2026": "data of 2026"}


class Commands(SphinxDirective):
    """A section with `--help` for every command."""

    def run(self) -> list[nodes.Node]:
        from bsnunu_jax.cli import bsnunu

        return list(self._sections(bsnunu, "bsnunu", None))

    def _sections(
        self, command: click.Command, path: str, parent: click.Context | None
    ) -> list[nodes.Node]:
        context = click.Context(
            command,
            info_name=path.split()[-1],
            parent=parent,
            terminal_width=88,
            max_content_width=88,
        )
        section = nodes.section(ids=[path.replace(" ", "-")], names=[path])
        section += nodes.title(text=path)
        section += nodes.literal_block(text=command.get_help(context), language="text")
        found: list[nodes.Node] = [section]
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                below = command.get_command(context, name)
                assert below is not None
                found += self._sections(below, f"{path} {name}", context)
        return found


class Room(SphinxDirective):
    """All public modules of a package and of the packages in it."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        node = nodes.container()
        for name in _modules(self.arguments[0]):
            text = [f".. rubric:: {name}", "", f".. automodule:: {name}", "   :members:", ""]
            self.state.nested_parse(StringList(text, source=name), 0, node)
        return node.children


def _modules(package: str) -> Iterator[str]:
    """The package, its public modules, then the packages in it."""
    yield package
    below = [
        (module.ispkg, f"{package}.{module.name}")
        for module in pkgutil.iter_modules(import_module(package).__path__)
        if not module.name.startswith("_")
    ]
    for is_package, name in sorted(below):
        yield from _modules(name) if is_package else (name,)


class Gallery(SphinxDirective):
    """Every item of `bsnunu reproduce` with its command and the figures that are there."""

    def run(self) -> list[nodes.Node]:
        from bsnunu_jax.reproduce import ITEMS

        return [self._section(name, item.title) for name, item in ITEMS.items()]

    def _section(self, name: str, title: str) -> nodes.Node:
        section = nodes.section(ids=[name], names=[name])
        section += nodes.title(text=name)
        section += nodes.paragraph(text=f"{title[0].upper()}{title[1:]}.")
        section += nodes.literal_block(text=f"bsnunu reproduce {name}", language="text")
        root = Path(self.env.srcdir)
        for suffix, about in DATA.items():
            for file in sorted((root / FIGURES / f"{name}{suffix}").glob("*.png")):
                self.env.note_dependency(str(file))
                caption = f"{name}: {file.stem}, {about}"
                figure = nodes.figure()
                figure += nodes.image(uri=f"/{file.relative_to(root).as_posix()}", alt=caption)
                figure += nodes.caption(text=caption)
                section += figure
        return section


class StandardModel(SphinxDirective):
    """What `bsnunu predict --sm` prints."""

    def run(self) -> list[nodes.Node]:
        from bsnunu_jax.runs.standard_model import as_table, standard_model

        return [nodes.literal_block(text=as_table(standard_model()), language="text")]


def offer_files(app: Sphinx, doctree: nodes.document) -> None:
    """Links to Markdown beside docs/, e.g. ../README.md, download the file."""
    for link in list(doctree.findall(addnodes.pending_xref)):
        if link.get("refdomain") != "doc":
            continue
        file = Path(app.srcdir, f"{link['reftarget']}.md")
        if file.exists() and not file.resolve().is_relative_to(Path(app.srcdir).resolve()):
            target = f"/{link['reftarget']}.md"
            there = addnodes.download_reference("", "", *link.children, reftarget=target)
            link.replace_self(there)


def setup(app: Sphinx) -> dict[str, bool]:
    """Register."""
    app.connect("doctree-read", offer_files, priority=100)
    app.add_directive("commands", Commands)
    app.add_directive("room", Room)
    app.add_directive("gallery", Gallery)
    app.add_directive("standard-model", StandardModel)
    return {"parallel_read_safe": True}
