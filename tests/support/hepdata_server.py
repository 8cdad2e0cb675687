"""A server like HEPData with one record, and `bsnunu data` on it."""

import hashlib
import io
import json
import re
import threading
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
from commands import run

from bsnunu_jax.experiments.records import hepdata
from bsnunu_jax.experiments.records.record import CHECKSUMS, DATA_SETS, WORKSPACE

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

    size = {"hi": 1.1, "lo": 0.9}
    form_factors = [{"name": f"corr_ff_c{i}", "type": "normsys", "data": size} for i in (1, 2, 3)]

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
                    "modifiers": [
                        {"name": "mu", "type": "normfactor", "data": None},
                        *form_factors,
                    ],
                },
                {"name": "background", "data": [10.0] * bins, "modifiers": [shape, statistics]},
            ],
        }

    bins = {"A__": ("signal", 2, A), "B__": ("signal", 1, B), "sgn1_had": ("sgn_1_had", 1, H)}
    workspace = {
        "channels": [channel(name, sample, n) for name, (sample, n, _) in bins.items()],
        "observations": [{"name": name, "data": [15.0] * n} for name, (_, n, _) in bins.items()],
        "measurements": [{"name": "fit", "config": {"poi": "mu", "parameters": []}}],
        "version": "1.0.0",
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


@contextmanager
def serving(monkeypatch, data):
    """The server, in place of HEPData, and a user whose data are in this folder."""
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
    monkeypatch.setenv("XDG_DATA_HOME", str(data))
    sums = {name: sha(content) for name, content in FILES.items()}
    site = f"http://127.0.0.1:{http.server_port}"
    monkeypatch.setitem(DATA_SETS, NAME, replace(DATA_SETS[NAME], site=site, files=sums))
    yield state
    state.released.set()
    http.shutdown()
    thread.join()
    http.server_close()


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
