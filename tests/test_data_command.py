"""`bsnunu data`: downloads from a server like HEPData, copies, checks, and what goes wrong."""

import hashlib
import io
import json
import re
import shlex
import socket
import tarfile
import threading
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from bsnunu_jax.cards.run_card import Card
from bsnunu_jax.cli import main
from bsnunu_jax.experiments.records import hepdata
from bsnunu_jax.experiments.records import record as data_sets
from bsnunu_jax.experiments.records.record import CHECKSUMS, DATA_SETS, WORKSPACE, user_folder
from bsnunu_jax.foundation.errors import InputError

NAME = "belle2-knunu"
A, B, H = (n for n in CHECKSUMS if n != WORKSPACE)
RECORD = "/record/ins2947386?format=json"
LIST = "/record/resources/166082/1"
ARCHIVE = "/download/submission/ins2947386/original"
# HEPData's numbers of the files
NUMBERS = {WORKSPACE: 11, A: 12, B: 13, H: 14}


def resource(name):
    return f"/record/resource/{NUMBERS[name]}?view=true"


def sha(content):
    return hashlib.sha256(content).hexdigest()


def small_likelihood():
    """Four files of the published form: 2 + 1 + 1 bins of signal, one systematic."""

    def channel(name, sample, bins):
        high, low = [11.0] * bins, [9.0] * bins
        shape = {"name": "shape", "type": "histosys", "data": {"hi_data": high, "lo_data": low}}
        statistics = {"name": f"mc_{name}", "type": "staterror", "data": [1.0] * bins}
        return {
            "name": name,
            "samples": [
                {
                    "name": sample,
                    "data": [5.0] * bins,
                    "modifiers": [{"name": "mu", "type": "normfactor", "data": None}],
                },
                {"name": "background", "data": [10.0] * bins, "modifiers": [shape, statistics]},
            ],
        }

    bins = {"A__": ("signal", 2, A), "B__": ("signal", 1, B), "sgn1_had": ("sgn_1_had", 1, H)}
    workspace = {
        "channels": [channel(name, sample, n) for name, (sample, n, _) in bins.items()],
        "observations": [{"name": name, "data": [15.0] * n} for name, (_, n, _) in bins.items()],
    }
    contents = {WORKSPACE: json.dumps(workspace, indent=4).encode()}
    for _, n, file in bins.values():
        text = io.StringIO()
        np.savetxt(text, np.full((n, 101), 5 / 101), delimiter=",")
        contents[file] = text.getvalue().encode()
    return contents


FILES = small_likelihood()


class Server:
    """A HEPData of one record; what it sends and how badly is set by the tests."""

    def __init__(self):
        self.pages = {}
        self.ranges = True
        self.broken = {}  # path: bytes after which the connection breaks off
        self.silent = set()  # paths without an answer
        self._sent = []  # (path, bytes)
        self._answers = threading.Semaphore(0)  # one for each that has begun and ended
        self._begun = 0
        self.released = threading.Event()

    @property
    def sent(self):
        """What was sent; an answer may still be on its way to the list when its reader is done."""
        for _ in range(self._begun):
            self._answers.acquire()
        self._begun = 0
        return self._sent

    def put(self, path, content, *, name="", status=200):
        self.pages[path] = (content, name, status)

    def put_record(self, files, *, tables=(), doi=True):
        """The record's JSON as HEPData has it: names stand beside DOIs, numbers elsewhere."""
        own = [name for name in files if name not in tables]
        self.put(
            RECORD,
            json.dumps(
                {
                    "recid": 166082,
                    "version": 1,
                    "additional_resources": True,
                    "record": {
                        "resources": [{"description": "Rivet", "url": "https://rivet.example/1"}]
                    },
                    "resources_with_doi": [
                        {"filename": name, "description": "", "doi": f"10.17182/r{NUMBERS[name]}"}
                        for name in own
                        if doi
                    ],
                    "data_tables": [
                        {
                            "name": "Table 1",
                            "doi": "10.17182/t1",
                            "resources": [
                                {
                                    "description": "",
                                    "type": "csv",
                                    "url": f"https://www.hepdata.net/record/resource/{NUMBERS[name]}?landing_page=true",
                                }
                                for name in tables
                            ],
                        }
                    ],
                }
            ).encode(),
        )
        self.put(
            LIST,
            json.dumps(
                {
                    "submission_items": [
                        {
                            "name": "Common Resources",
                            "resources": [
                                {
                                    "id": NUMBERS[name],
                                    "file_description": "",
                                    "doi": f"10.17182/r{NUMBERS[name]}",
                                    "location": f"/record/resource/{NUMBERS[name]}?view=true",
                                }
                                for name in own
                            ],
                        }
                    ]
                }
            ).encode(),
        )
        for name, content in files.items():
            self.put(resource(name), content, name=name)

    def bytes_of(self, path):
        return sum(count for where, count in self.sent if where == path)

    def answer(self, handler):
        self._begun += 1
        try:
            self._answer(handler)
        finally:
            self._answers.release()

    def _answer(self, handler):
        if handler.path in self.silent:
            self.released.wait(10)
            return
        content, name, status = self.pages.get(handler.path, (b"not here", "", 404))
        first = re.fullmatch(r"bytes=(\d+)-", handler.headers.get("Range", ""))
        if first and self.ranges and status == 200:
            if int(first[1]) >= len(content):
                content, status = b"", 416
            else:
                content, status = content[int(first[1]) :], 206
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(content)))
        if name:
            handler.send_header("Content-Disposition", f"attachment; filename={name}")
        handler.end_headers()
        content = content[: self.broken.get(handler.path)]
        try:
            handler.wfile.write(content)
        except OSError:  # a client that wanted the headers alone
            return
        self._sent.append((handler.path, len(content)))


@pytest.fixture
def server(monkeypatch, tmp_path):
    """The server, in place of HEPData, and a user without data."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            state.answer(self)

        def log_message(self, *_):
            return

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    sums = {name: sha(content) for name, content in FILES.items()}
    site = f"http://127.0.0.1:{http.server_port}"
    monkeypatch.setitem(DATA_SETS, NAME, replace(DATA_SETS[NAME], site=site, files=sums))
    yield state
    state.released.set()
    http.shutdown()
    thread.join()
    http.server_close()


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as caught:
        main([str(a) for a in arguments])
    out, err = capsys.readouterr()
    return int(caught.value.code or 0), out, err


def failure(capsys, *arguments, code=1):
    """The one line of a command that fails."""
    found, out, err = run(capsys, *arguments)
    assert (found, out) == (code, "")
    assert err.startswith("bsnunu: error: ")
    assert err.count("\n") == 1
    return err


def get(folder, timeout=30.0):
    return hepdata.get(DATA_SETS[NAME], folder, timeout=timeout)


def contents(folder):
    return {p.name: p.read_bytes() for p in folder.iterdir()}


def fill(folder, files=FILES):
    folder.mkdir(parents=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


@pytest.mark.parametrize("tables", [(), (A, B, H), tuple(FILES)])
def test_files_of_the_record_and_of_its_tables(server, capsys, tmp_path, tables):
    server.put_record(FILES, tables=tables)
    code, out, err = run(capsys, "data", "get", NAME)
    assert (code, err) == (0, "")
    folder = tmp_path / "share" / "bsnunu_jax" / NAME
    assert contents(folder) == FILES
    assert out.splitlines() == [
        *(f"{name}: downloaded" for name in FILES),
        str(folder),
        f"bsnunu fit CARD --likelihood {folder}",
    ]
    assert ARCHIVE not in [path for path, _ in server.sent]


def test_names_from_content_disposition_alone(server, tmp_path):
    server.put_record(FILES, doi=False)
    assert set(get(tmp_path / "here").values()) == {"downloaded"}
    assert contents(tmp_path / "here") == FILES


def test_a_record_whose_list_of_files_is_gone(server, tmp_path):
    server.put_record(FILES, tables=tuple(FILES))
    server.put(LIST, b"", status=500)
    assert set(get(tmp_path / "here").values()) == {"downloaded"}


def test_files_that_are_there_are_kept(server, tmp_path):
    server.put_record(FILES)
    folder = fill(tmp_path / "here")
    (folder / B).write_bytes(b"altered")
    times = {name: (folder / name).stat().st_mtime_ns for name in FILES}
    assert get(folder) == {n: "downloaded" if n == B else "kept" for n in FILES}
    assert contents(folder) == FILES
    assert [n for n in FILES if (folder / n).stat().st_mtime_ns != times[n]] == [B]
    assert [server.bytes_of(resource(n)) > 0 for n in FILES] == [n == B for n in FILES]
    server.sent.clear()
    assert set(get(folder).values()) == {"kept"}
    assert server.sent == []


def test_an_interrupted_download_goes_on(server, tmp_path, capsys):
    server.put_record(FILES)
    server.broken[resource(WORKSPACE)] = 100
    line = failure(capsys, "data", "get", NAME, "--out", tmp_path / "here")
    assert f"{WORKSPACE} broke off after 100 of {len(FILES[WORKSPACE])} bytes" in line
    assert "run the command again" in line
    assert contents(tmp_path / "here") == {f"{WORKSPACE}.partial": FILES[WORKSPACE][:100]}
    server.broken.clear()
    server.sent.clear()
    assert run(capsys, "data", "get", NAME, "--out", tmp_path / "here")[0] == 0
    assert contents(tmp_path / "here") == FILES
    assert server.bytes_of(resource(WORKSPACE)) == len(FILES[WORKSPACE]) - 100


def test_servers_without_ranges_send_everything(server, tmp_path):
    server.put_record(FILES)
    server.ranges = False
    (fill(tmp_path / "here", {}) / f"{A}.partial").write_bytes(FILES[A][:50])
    get(tmp_path / "here")
    assert contents(tmp_path / "here") == FILES
    assert server.bytes_of(resource(A)) == len(FILES[A])


@pytest.mark.parametrize("partial", [b"x" * 50, b"x" * len(FILES[A]), FILES[A] + b"x"])
def test_wrong_beginnings_are_dropped(server, tmp_path, partial):
    """A wrong byte shows in the checksum; a file too long makes the server answer 416."""
    server.put_record(FILES)
    (fill(tmp_path / "here", {}) / f"{A}.partial").write_bytes(partial)
    get(tmp_path / "here")
    assert contents(tmp_path / "here") == FILES


def test_a_whole_partial_file_is_not_sent_again(server, tmp_path):
    server.put_record(FILES)
    (fill(tmp_path / "here", {}) / f"{A}.partial").write_bytes(FILES[A])
    get(tmp_path / "here")
    assert contents(tmp_path / "here") == FILES
    assert server.bytes_of(resource(A)) == 0


def test_wrong_content_is_named_with_both_checksums(server, tmp_path, capsys):
    server.put_record(FILES | {B: b"something else"})
    line = failure(capsys, "data", "get", NAME, "--out", tmp_path / "here")
    assert f"{B}: checksum {sha(b'something else')}, expected {sha(FILES[B])}" in line
    assert contents(tmp_path / "here") == {n: c for n, c in FILES.items() if n != B}


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_http_errors(server, tmp_path, capsys, status):
    server.put(RECORD, b"<html>", status=status)
    line = failure(capsys, "data", "get", NAME, "--out", tmp_path / "here")
    assert f"HTTP status {status}" in line
    assert "https://doi.org/10.17182/hepdata.166082" in line
    assert "`bsnunu data get belle2-knunu --from DIR`" in line
    assert contents(tmp_path / "here") == {}


def test_one_file_that_is_refused(server, tmp_path, capsys):
    server.put_record(FILES)
    server.put(resource(H), b"", status=500)
    line = failure(capsys, "data", "get", NAME, "--out", tmp_path / "here")
    assert line.startswith(f"bsnunu: error: not downloaded: {H} (http://127.0.0.1")
    assert contents(tmp_path / "here") == {n: c for n, c in FILES.items() if n != H}


def test_a_page_that_is_no_json(server, tmp_path, capsys):
    server.put(RECORD, b"<html>are you human?</html>")
    line = failure(capsys, "data", "get", NAME, "--out", tmp_path / "here")
    assert "is no JSON page" in line


def zipped(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(files):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        link = tarfile.TarInfo(f"links/{WORKSPACE}")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.mark.parametrize("pack", [zipped, tarred])
@pytest.mark.parametrize("folder", ["", "HEPData-ins2947386-v1/data/", "../../up/", "/abs/"])
def test_archive_of_the_submission(server, tmp_path, pack, folder):
    server.put_record({A: FILES[A]})
    inside = {folder + name: content for name, content in FILES.items() if name != A}
    server.put(ARCHIVE, pack({"submission.yaml": b"---", **inside, "evil.txt": b"!"}))
    assert set(get(tmp_path / "deep" / "here").values()) == {"downloaded"}
    assert contents(tmp_path / "deep" / "here") == FILES
    assert {p.name for p in tmp_path.iterdir()} == {"deep"}
    assert server.bytes_of(resource(A)) == len(FILES[A])


def test_archive_when_the_record_is_no_help(server, tmp_path):
    server.put(ARCHIVE, zipped(FILES))
    assert set(get(tmp_path / "here").values()) == {"downloaded"}


def test_archive_among_the_files(server, tmp_path):
    server.put_record({A: FILES[A]})
    densities = {f"densities/{n}": c for n, c in FILES.items() if n != A}
    page = json.loads(server.pages[RECORD][0])
    page["record"]["analyses"] = [
        {"filename": "all.tar.gz", "analysis": "https://www.hepdata.net/record/resource/99?x"}
    ]
    server.put(RECORD, json.dumps(page).encode())
    server.put("/record/resource/99?view=true", tarred(densities))
    get(tmp_path / "here")
    assert contents(tmp_path / "here") == FILES
    assert ARCHIVE not in [path for path, _ in server.sent]


@pytest.mark.parametrize(
    "archive",
    [b"<html>", b"PK\x03\x04", tarred(FILES)[:-300], b"\x1f\x8b12"],
    # without the time in the head of gzip: workers of pytest-xdist have to agree on it
    ids=["text", "head of a zip", "cut tar.gz", "head of a gzip"],
)
def test_archives_that_cannot_be_read(server, tmp_path, capsys, archive):
    server.put_record({})
    server.put(ARCHIVE, archive)
    line = failure(capsys, "data", "get", NAME, "--out", tmp_path / "here")
    assert "is no archive that can be read" in line


def test_files_that_are_nowhere(server, tmp_path, capsys):
    server.put_record({A: FILES[A]})
    server.put(ARCHIVE, zipped({WORKSPACE: b"another", f"x/{H}": FILES[H]}))
    line = failure(capsys, "data", "get", NAME, "--out", tmp_path / "here")
    assert f"the archive of the record has no {B}" in line
    assert f"{WORKSPACE}: checksum {sha(b'another')}, expected {sha(FILES[WORKSPACE])}" in line
    assert "by hand" in line
    assert contents(tmp_path / "here") == {A: FILES[A], H: FILES[H]}


def test_no_connection(monkeypatch, tmp_path, capsys):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("no_proxy", "*")
    site = f"http://127.0.0.1:{port}"
    monkeypatch.setitem(DATA_SETS, NAME, replace(DATA_SETS[NAME], site=site))
    line = failure(capsys, "data", "get", NAME, "--out", tmp_path / "here")
    assert f"no connection with {site}: Connection refused" in line
    assert line.count(site) == 1  # the archive is not asked for
    assert "--from DIR" in line


def test_no_such_host(monkeypatch, tmp_path, capsys):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    line = failure(capsys, "data", "get", NAME, "--out", tmp_path / "here")
    assert "no connection with https://www.hepdata.net: Name or service not known" in line


def test_a_server_that_does_not_answer(server, tmp_path):
    server.put_record(FILES)
    server.silent.add(resource(A))
    with pytest.raises(hepdata.DownloadError, match=r"no answer for 0\.2 s") as caught:
        get(tmp_path / "here", timeout=0.2)
    assert caught.value.args[0].count("\n") == 0


def test_ctrl_c(monkeypatch, capsys):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(hepdata, "get", interrupted)
    code, out, err = run(capsys, "data", "get", NAME)
    assert (code, out) == (130, "")
    # click ends the line on which ^C stands.
    assert err.strip() == (
        "bsnunu: error: interrupted; the same command goes on with what is there"
    )


def test_folders_that_cannot_be_written(server, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    source = fill(tmp_path / "source")
    for option in ((), ("--from", source)):
        line = failure(
            capsys, "data", "get", NAME, "--out", tmp_path / "file" / "here", *option, code=2
        )
        assert "here: cannot be written (Not a directory)" in line


@pytest.mark.parametrize("verb", ["get", "check"])
def test_unknown_data_sets(capsys, verb):
    line = failure(capsys, "data", verb, "belle3", code=2)
    assert line == "bsnunu: error: unknown data set 'belle3'; one of belle2-knunu\n"


@pytest.mark.parametrize("below", ["", "HEPData-ins2947386-v1"])
def test_copies(server, tmp_path, capsys, below):
    source = tmp_path / "Downloads"
    fill(source / below)
    code, out, err = run(capsys, "data", "get", NAME, "--from", source)
    assert (code, err) == (0, "")
    assert contents(user_folder(NAME)) == FILES
    assert out.splitlines()[:4] == [f"{name}: copied" for name in FILES]
    assert server.sent == []
    assert set(data_sets.copy(DATA_SETS[NAME], source, user_folder(NAME)).values()) == {"kept"}


@pytest.mark.parametrize("altered", FILES)
def test_nothing_of_a_wrong_copy_is_taken(server, tmp_path, capsys, altered):
    source = fill(tmp_path / "source", FILES | {altered: b"else"})
    line = failure(capsys, "data", "get", NAME, "--from", source, code=2)
    assert f"{source / altered}: checksum {sha(b'else')}, expected {sha(FILES[altered])}" in line
    assert not user_folder(NAME).exists()
    (source / altered).unlink()
    line = failure(capsys, "data", "get", NAME, "--from", source, code=2)
    assert f"{source / altered}: no such file" in line
    assert not user_folder(NAME).exists()
    line = failure(capsys, "data", "get", NAME, "--from", tmp_path / "absent", code=2)
    assert "absent: no such folder" in line


@pytest.mark.parametrize("verb", ["get", "check"])
def test_names_that_are_too_long(server, tmp_path, capsys, verb):
    line = failure(capsys, "data", verb, NAME, "--from", tmp_path / ("x" * 300), code=2)
    assert "cannot be read (File name too long)" in line


def test_targets_with_names_that_are_too_long(server, tmp_path, capsys):
    source = fill(tmp_path / "source")
    line = failure(
        capsys, "data", "get", NAME, "--from", source, "--out", tmp_path / ("x" * 300), code=2
    )
    assert "(File name too long)" in line


@pytest.mark.parametrize("verb", ["get", "check"])
def test_devices_are_no_files(server, tmp_path, capsys, verb):
    """/dev/zero would never end, a pipe never begin; /dev/null stands for them."""
    source = fill(tmp_path / "source")
    (source / H).unlink()
    (source / H).symlink_to("/dev/null")
    line = failure(capsys, "data", verb, NAME, "--from", source, code=2)
    assert f"{source / H}: cannot be read (not a regular file)" in line


def test_the_user_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    assert user_folder(NAME) == tmp_path / "bsnunu_jax" / NAME
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for nothing in ("", "relative/share"):
        monkeypatch.setenv("XDG_DATA_HOME", nothing)
        expected = tmp_path / "home" / ".local" / "share" / "bsnunu_jax" / NAME
        assert user_folder(NAME) == expected


def test_check(server, tmp_path, capsys):
    source = fill(tmp_path / "source")
    for option in (("--from", source), ()):
        if not option:
            fill(user_folder(NAME))
        code, out, err = run(capsys, "data", "check", NAME, *option)
        assert (code, err) == (0, "")
        assert out.splitlines() == [
            *(f"{name}: sha256 {sha(content)}, as expected" for name, content in FILES.items()),
            "4 bins; densities of 4 signal bins in 100 bins of q2 match",
        ]


def test_check_names_what_is_wrong(server, tmp_path, capsys):
    line = failure(capsys, "data", "check", NAME, code=2)
    assert f"{user_folder(NAME) / WORKSPACE}: no such file" in line
    assert "`bsnunu data get belle2-knunu`" in line
    source = fill(tmp_path / "source", FILES | {H: b"else"})
    line = failure(capsys, "data", "check", NAME, "--from", source, code=2)
    assert f"{source / H}: checksum {sha(b'else')}, expected {sha(FILES[H])}" in line


def refused_for_its_bins(monkeypatch, capsys, folder):
    """Drop a row of a density and take the checksum of what is left for the published one."""
    rows = (folder / A).read_bytes().splitlines(keepends=True)
    (folder / A).write_bytes(b"".join(rows[1:]))
    data = DATA_SETS[NAME]
    sums = {**data.files, A: sha((folder / A).read_bytes())}
    monkeypatch.setitem(DATA_SETS, NAME, replace(data, files=sums))
    line = failure(capsys, "data", "check", NAME, "--from", folder, code=2)
    assert f"{folder / A}: shape ({len(rows) - 1}, 101)" in line
    assert f"the workspace has {len(rows)} signal bins and 100 + 1 bins of q2" in line


def test_bins_that_do_not_match_the_densities(server, monkeypatch, tmp_path, capsys):
    refused_for_its_bins(monkeypatch, capsys, fill(tmp_path / "source"))


CARD = """
title: any
model: neutrinos
parameters: {CR_tautau: {prior: {uniform: [-30, 30]}}}
data: [belle2_knunu_2023]
"""


def test_the_name_stands_for_the_user_folder(server, monkeypatch, tmp_path):
    """In the card and as the option, if no folder is called so; `where` is that of the files."""
    named, plain = tmp_path / "named.yaml", tmp_path / "plain.yaml"
    named.write_text(CARD + f"likelihood: {NAME}\n")
    plain.write_text(CARD)
    monkeypatch.chdir(fill(tmp_path / "cwd", {}))
    for card in (Card(named), Card(plain, likelihood=Path(NAME))):
        assert card.content.likelihood == NAME
        with pytest.raises(InputError, match=f"{WORKSPACE}: no such file.*bsnunu data get {NAME}"):
            _ = card.problem
    folders = []

    def remember(*_, likelihood=None, **__):
        if likelihood is None:  # the names alone are checked first
            return ()
        folders.append(likelihood)
        raise InputError("seen")

    monkeypatch.setattr("bsnunu_jax.cards.run_card.load_measurements", remember)

    def seen(card):
        with pytest.raises(InputError, match="seen"):
            _ = card.problem
        return folders.pop()

    assert seen(Card(named)) == seen(Card(plain, likelihood=Path(NAME))) == user_folder(NAME)
    (tmp_path / "cwd" / NAME).mkdir()
    assert seen(Card(named)) == user_folder(NAME)
    assert seen(Card(plain, likelihood=Path(NAME))) == tmp_path / "cwd" / NAME
    (tmp_path / NAME).mkdir()
    assert seen(Card(named)) == tmp_path / NAME


def test_the_line_of_the_readme(server, capsys):
    readme = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (line,) = re.findall(r"^bsnunu (data get .*?)\s+#", readme, re.MULTILINE)
    server.put_record(FILES)
    assert run(capsys, *shlex.split(line))[0] == 0
    assert contents(user_folder(NAME)) == FILES


def test_the_published_files(likelihood_dir, monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "share"))
    assert run(capsys, "data", "get", NAME, "--from", likelihood_dir)[0] == 0
    code, out, _ = run(capsys, "data", "check", NAME)
    assert code == 0
    assert out.splitlines()[-1] == "30 bins; densities of 18 signal bins in 100 bins of q2 match"
    card = tmp_path / "card.yaml"
    card.write_text(CARD + f"likelihood: {NAME}\n")
    (measurement,) = Card(card).problem.measurements
    assert len(measurement.observed) == 30
    refused_for_its_bins(monkeypatch, capsys, user_folder(NAME))
