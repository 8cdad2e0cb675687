"""`bsnunu data get` against a server that breaks every rule: one line, bounded memory and time."""

import io
import re
import time
import tracemalloc
import zipfile
from dataclasses import replace

import pytest
from hostile_server import (
    ARCHIVE,
    FILES,
    PATHS,
    RECORD,
    SUMS,
    answer,
    chunked,
    dripping,
    endless,
    record,
    right_answers,
    serving,
)

from bsnunu_jax.cli import main
from bsnunu_jax.experiments.records import hepdata
from bsnunu_jax.experiments.records.record import DATA_SETS, WORKSPACE

NAME = "belle2-knunu"
FILE = PATHS[WORKSPACE]
OK = b"HTTP/1.1 200 OK\r\n"
LONG = b"Content-Length: 3000000000\r\n"


@pytest.fixture
def get(monkeypatch, tmp_path, capsys):
    """The command against a server with some answers: code, stderr and what is in the folder."""
    monkeypatch.setenv("no_proxy", "*")

    def run(answers, *, within=None):
        if within is not None:
            monkeypatch.setitem(hepdata.get.__kwdefaults__, "within", within)
        folder = tmp_path / "here"
        with serving(right_answers() | answers) as site:
            data = replace(DATA_SETS[NAME], site=site, files=SUMS)
            monkeypatch.setitem(DATA_SETS, NAME, data)
            with pytest.raises(SystemExit) as caught:
                main(["data", "get", NAME, "--out", str(folder)])
        out, err = capsys.readouterr()
        code = int(caught.value.code or 0)
        if code:
            assert out == ""
            assert err.startswith("bsnunu: error: ")
            assert err.endswith("\n")
            assert err[:-1].isprintable()
            assert len(err) < 2500
        names = {p.name for p in folder.iterdir()}
        assert names <= FILES.keys() | {f"{n}.partial" for n in FILES}
        for name in names & FILES.keys():
            assert (folder / name).read_bytes() == FILES[name]
        return code, err, names

    return run


def redirect(to, status="302 Found"):
    return answer(b"", status, [f"Location: {to}"])


def deep(opening, closing, depth):
    return answer(opening * depth + closing * depth)


# What a page or a file may be, and a part of the line that comes of it.
ANSWERS = {
    "redirect to a file": (redirect("file:///etc/passwd"), "file:///etc/passwd.* is not followed"),
    "redirect to ftp": (redirect("ftp://127.0.0.1:9/x"), "ftp://.* is not followed"),
    "redirect to another scheme": (redirect("gopher://x/y"), "gopher://.* is not followed"),
    "redirect to a script": (redirect("javascript:1"), "javascript:1, which is not followed"),
    "redirect to data": (redirect("data:,x"), "data:,x, which is not followed"),
    "redirect nowhere": (answer(b"", "302 Found"), "302 leads to nowhere"),
    "redirect to nothing": (redirect(""), "302 leads to"),
    "redirect to itself": (redirect(RECORD), "302 leads to /record"),
    "redirect half an address": (redirect("http://[::1"), "Invalid IPv6|no address"),
    "redirect no host": (redirect("http:///x"), "status 404"),
    "redirect no port": (redirect("http://127.0.0.1:port/"), "port"),
    "redirect high port": (redirect("http://127.0.0.1:99999/"), "127.0.0.1:99999"),
    "redirect empty label": (redirect("http://a..b/"), "label|idna|a[.][.]b"),
    "redirect long label": (redirect(f"http://{'a' * 70}.b/"), "label|idna|aaa"),
    "redirect letters": (redirect("http://\xfc\xdf/"), "http"),
    "redirect user": (redirect("http://u:p@127.0.0.1:1/"), "http"),
    "redirect control": (redirect("http://127.0.0.1:1/\x1b[31m\x00"), "http"),
    "redirect to a closed port": (redirect("http://127.0.0.1:1/"), "127.0.0.1:1: Conn.* refused"),
    "redirect without bytes": (redirect("/elsewhere", "300 Multiple Choices"), "status 300|404"),
    "not modified": (answer(b"", "304 Not Modified"), "304"),
    "HTTP 0.9": (b"<html>hello</html>\n", "no right HTTP answer"),
    "no answer": (b"", "Remote end closed|no connection"),
    "control characters": (b"\x1b[31mred\x07\x00\r\n\r\n", "no right HTTP answer"),
    "long status": (b"HTTP/1.1 200 " + b"x" * 70_000 + b"\r\n\r\n", "no right HTTP answer"),
    "no status": (b"HTTP/1.1 abc OK\r\n\r\n", "no right HTTP answer"),
    "status 999": (answer(b"", "999 No"), "status 999"),
    "status 99": (b"HTTP/1.1 99 No\r\n\r\n", "no right HTTP answer"),
    "status -200": (b"HTTP/1.1 -200 No\r\n\r\n", "no right HTTP answer"),
    "version 7": (b"HTTP/7.1 200 OK\r\n\r\n", "HTTP/7.1"),
    "many headers": (OK + b"X: y\r\n" * 200 + b"\r\n", "no right HTTP answer"),
    "long header": (OK + b"X: " + b"y" * 70_000 + b"\r\n\r\n", "no right HTTP answer"),
    "chunk without size": (chunked(b"xyz\r\nabc"), "no right HTTP answer"),
    "chunk negative": (chunked(b"-5\r\nabcde\r\n"), "no right HTTP answer|no JSON|checksum"),
    "chunk cut": (chunked(b"ff\r\nabc"), "no right HTTP answer|broke off"),
    "chunk size long": (chunked(b"f" * 70_000 + b"\r\n"), "no right HTTP answer"),
    "chunk huge": (chunked(b"ffffffffffffffffff\r\nabc"), "no right HTTP answer|broke off"),
}
PAGES = {
    "no content": (answer(), "no JSON page"),
    "deep lists": (deep(b"[", b"]", 100_000), "no JSON page"),
    "deep objects": (deep(b'{"a":', b"}", 100_000), "no JSON page"),
    "deep, never closed": (answer(b"[" * 1_000_000), "no JSON page"),
    "long number": (answer(b"[" + b"9" * 10_000 + b"]"), "no JSON page"),
    "no UTF-8": (answer(b'"\xff\xfe\x00"'), "no JSON page"),
    "wrong length": (OK + b"Content-Length: 9\r\n\r\n[", "no JSON page"),
    "negative length": (OK + b"Content-Length: -9\r\n\r\n[", "no JSON page"),
    "no number": (answer(b"17"), "has no"),
}


@pytest.mark.parametrize("case", [*ANSWERS, *PAGES])
def test_pages(get, case):
    content, expected = (ANSWERS | PAGES)[case]
    none = answer(_zip({}))
    code, err, names = get({RECORD: content, ARCHIVE: none})
    assert (code, names) == (1, set())
    assert "Traceback" not in err
    assert re.search(expected, err), err


@pytest.mark.parametrize("case", ANSWERS)
def test_files(get, case):
    content, _ = ANSWERS[case]
    code, err, names = get({FILE: content})
    assert code == 1
    assert f"not downloaded: {WORKSPACE}" in err
    assert WORKSPACE not in names


@pytest.mark.parametrize("case", ANSWERS)
def test_archives(get, case):
    content, _ = ANSWERS[case]
    code, _, names = get({RECORD: answer(b"{}"), ARCHIVE: content})
    assert (code, names) == (1, set())


def _zip(files):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


@pytest.mark.parametrize(
    "nodes",
    [
        {"doi": {"a": 1}, "filename": ["x"]},
        {"recid": "x y\r\nHost: z", "version": {"a": []}},
        {"filename": 17, "url": "/record/resource/" + "9" * 5000},
        {"filename": "../../../x.zip", "url": "/record/resource/3"},
        [[[[{"url": "/record/resource/4"}]]]],
    ],
)
def test_records_that_make_no_sense(get, nodes):
    """Whatever stands in the record, its other files are found."""
    good = [{"filename": name, "url": path} for name, path in PATHS.items()]
    code, err, names = get({RECORD: record([nodes, *good])})
    assert (code, err, names) == (0, "", set(FILES))


def test_a_record_deep_but_within_what_json_takes(get):
    """Lists 900 deep around the list of files."""
    good = right_answers()[RECORD].partition(b"\r\n\r\n")[2]
    assert get({RECORD: answer(b"[" * 900 + good + b"]" * 900)})[0] == 0


@pytest.mark.parametrize("name", ["filename*0=a; filename*0*=b; filename*=c''d", "filename*=x''%"])
def test_names_that_make_no_sense(get, name):
    nodes = [{"url": path} for path in PATHS.values()]
    answers = {
        PATHS[n]: answer(c, headers=[f"Content-Disposition: attachment; filename={n}"])
        for n, c in FILES.items()
        if n != WORKSPACE
    }
    answers[FILE] = answer(b"x", headers=[f"Content-Disposition: attachment; {name}"])
    code, err, names = get({RECORD: record(nodes), **answers})
    assert (code, names) == (1, FILES.keys() - {WORKSPACE})
    assert f"not downloaded: {WORKSPACE}" in err


def test_a_redirection_to_another_host_is_followed(get):
    content = right_answers()[FILE]
    with serving({"/there": content}) as other:
        assert get({FILE: redirect(f"{other}/there", "307 Temporary Redirect")})[0] == 0


MANY = 4 << 20  # bytes of lines, of which each costs time
LARGE = {
    "headers of a page": (RECORD, endless(OK, b"X: y\r\n" * 10_000, MANY), "no right HTTP answer"),
    "page": (RECORD, endless(OK + b"\r\n["), "is longer than"),
    "file": (FILE, endless(OK + b"\r\n"), f"{WORKSPACE} is longer than"),
    "file announced": (FILE, endless(OK + LONG + b"\r\n"), f"{WORKSPACE} is longer than"),
    "archive": (ARCHIVE, endless(OK + b"\r\n"), "the archive is longer than"),
    "chunks": (FILE, endless(chunked(b""), b"100000\r\n" + b"0" * (1 << 20) + b"\r\n"), "longer"),
    "extensions of chunks": (
        FILE,
        endless(chunked(b""), b"1;" + b"x" * 60_000 + b"\r\n0\r\n", MANY),
        "no right HTTP answer",
    ),
    "interim answers": (
        FILE,
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000, MANY),
        "no right HTTP answer",
    ),
    "redirection": (FILE, endless(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n\r\n"), "status 404"),
    "error": (FILE, endless(b"HTTP/1.1 500 No\r\n\r\n"), "status 500"),
    "trailers": (FILE, endless(chunked(b"0\r\n"), b"X: y\r\n" * 10_000, MANY), WORKSPACE),
}


@pytest.mark.parametrize("case", LARGE)
def test_answers_without_end(get, tmp_path, case):
    """300 MB are on offer, or 3 GB announced."""
    path, reply, expected = LARGE[case]
    answers = {path: reply} | ({RECORD: answer(b"{}")} if path == ARCHIVE else {})
    tracemalloc.start()
    try:
        code, err, names = get(answers)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (code, peak < 64 << 20) == (1, True)
    assert expected in err
    assert WORKSPACE not in names
    assert sum(p.stat().st_size for p in tmp_path.rglob("*") if p.is_file()) < 1 << 20


SLOW = {
    "status": (RECORD, dripping(b"")),
    "headers": (RECORD, dripping(OK + b"X: ")),
    "interim answers": (RECORD, dripping(b"", b"HTTP/1.1 100 Continue\r\n\r\n")),
    "page": (RECORD, dripping(OK + b"\r\n[", b" ")),
    "file": (FILE, dripping(OK + b"\r\n")),
    "file with its length": (FILE, dripping(OK + b"Content-Length: 400\r\n\r\n")),
    "chunks": (FILE, dripping(chunked(b""), b"1\r\nx\r\n")),
    "size of a chunk": (FILE, dripping(chunked(b""), b"0")),
    "archive": (ARCHIVE, dripping(OK + b"\r\n")),
}


@pytest.mark.parametrize("case", SLOW)
def test_a_byte_now_and_then(get, case):
    """Every byte comes in time, all of them never."""
    path, reply = SLOW[case]
    answers = {path: reply} | ({RECORD: answer(b"{}")} if path == ARCHIVE else {})
    begin = time.monotonic()
    within = 0.5 if path == RECORD else 1.5  # before a file there are other answers
    code, err, names = get(answers, within=within)
    assert code == 1
    assert f"took longer than {within} s" in err
    assert time.monotonic() - begin < 10
    assert WORKSPACE not in names
    if path == FILE and "size" not in case:
        assert f"{WORKSPACE}.partial" in names  # a later call goes on


# What a server answers to a request for the rest of a file.
RANGES = {
    "another part": answer(b"z" * 50, "206 Partial Content", ["Content-Range: bytes 7-56/99"]),
    "another part, unsaid": answer(b"z" * 50, "206 Partial Content"),
    "of a huge file": answer(b"z", "206 Partial Content", ["Content-Range: bytes 100-9e99/*"]),
    "too much": answer(b"z" * 500_000, "206 Partial Content"),
    "no range": answer(b"", "206 Partial Content", ["Content-Range: \xff"]),
    "status 200, too much": answer(b"z" * 500_000),
    "status 416": answer(b"", "416 No"),
}


def by_range(rest):
    def reply(connection, request):
        connection.sendall(rest if b"Range: " in request else right_answers()[FILE])

    return reply


@pytest.mark.parametrize("case", RANGES)
def test_lies_about_ranges(get, tmp_path, case):
    """What went wrong with the rest of a file goes right from its beginning."""
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / f"{WORKSPACE}.partial").write_bytes(FILES[WORKSPACE][:100])
    assert get({FILE: by_range(RANGES[case])}) == (0, "", set(FILES))


@pytest.mark.parametrize("rest", [answer(b"", "416 No"), answer(b"z", "206 Partial Content")])
def test_lies_to_every_request(get, tmp_path, rest):
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / f"{WORKSPACE}.partial").write_bytes(b"z" * 100)
    code, err, names = get({FILE: rest})
    assert (code, WORKSPACE in names) == (1, False)
    assert "416" in err or "checksum" in err


def test_a_connection_without_length_that_breaks_off_goes_on(get, monkeypatch):
    """The size of the record's files tells that it broke off; without it that would be the end."""
    sizes = {name: len(content) for name, content in FILES.items()}
    monkeypatch.setitem(DATA_SETS, NAME, replace(DATA_SETS[NAME], sizes=sizes))
    code, err, names = get({FILE: b"HTTP/1.0 200 OK\r\n\r\n" + FILES[WORKSPACE][:70]})
    assert (code, f"{WORKSPACE}.partial" in names) == (1, True)
    assert f"{WORKSPACE} broke off after 70 of {sizes[WORKSPACE]} bytes" in err
    assert get({})[0] == 0
