"""`bsnunu data get`: downloads from a server like HEPData, archives, and what goes wrong."""

import io
import json
import socket
import tarfile
import zipfile
from dataclasses import replace

import pytest
from hepdata_server import (
    ARCHIVE,
    FILES,
    LIST,
    NAME,
    RECORD,
    WORKSPACE,
    A,
    B,
    H,
    contents,
    failure,
    fill,
    get,
    resource,
    run,
    serving,
    sha,
)

from bsnunu_jax.experiments.records import hepdata
from bsnunu_jax.experiments.records.record import DATA_SETS


@pytest.fixture
def server(monkeypatch, tmp_path):
    """The server, in place of HEPData, and a user without data."""
    with serving(monkeypatch, tmp_path / "share") as state:
        yield state


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
