"""What the README shows is what the package does."""

import re
import shlex
from pathlib import Path

import pytest

from bsnunu_jax.cli import main

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


PAGES = ("dark_sector", "models")
DARK = "".join((ROOT / "docs" / f"{p}.md").read_text(encoding="utf-8") for p in PAGES)
BLOCKS = re.findall(r"```python\n(.*?)```", README + DARK, re.DOTALL)
PRINTED = re.findall(r"<!-- prints: (.*?) -->", README + DARK)


@pytest.mark.parametrize(("code", "printed"), list(zip(BLOCKS, PRINTED, strict=True)))
def test_python_prints_what_the_documents_say(code, printed, capsys):
    assert len([line for line in code.splitlines() if line.strip()]) <= 10
    exec(compile(code, "README.md", "exec"), {})
    assert capsys.readouterr().out.strip() == printed


SHELL = [
    line.partition("#")[0].strip()
    for block in re.findall(r"```sh\n(.*?)```", README + DARK, re.DOTALL)
    for line in block.splitlines()
    # what needs the network runs in test_data_command.py
    if line.startswith("bsnunu") and not line.startswith("bsnunu data get")
]


@pytest.mark.parametrize("line", SHELL)
def test_shell_examples_run(line, capsys, tmp_path, monkeypatch):
    (tmp_path / "fits").symlink_to(ROOT / "fits")
    monkeypatch.chdir(tmp_path)  # results stay here
    with pytest.raises(SystemExit) as caught:
        main(shlex.split(line)[1:])
    assert not caught.value.code
    assert capsys.readouterr().out


def test_the_two_commands_are_there():
    lines = README.splitlines()
    assert "pip install . && bsnunu fit fits/belle2_cr.yaml" in lines
    assert len([x for x in lines if x.startswith("pip install") and "pytest" in x]) == 1


@pytest.mark.parametrize(
    "document",
    [
        "README.md",
        "CONTRIBUTING.md",
        *(str(p.relative_to(ROOT)) for p in (ROOT / "docs").glob("[!_]*/*.md")),
        *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md")),
    ],
)
def test_links_lead_somewhere(document):
    path = ROOT / document
    text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    for target in re.findall(r"\]\((?!https?:)([^)#]+)", text):
        assert (path.parent / target).exists(), target
