"""Files of a HEPData record: resumable downloads, checked by SHA-256.

A record's JSON lists the files attached to the record and to its tables by number, not all by name;
`/record/resource/NUMBER?view=true` sends one with its name in Content-Disposition. The submission
as uploaded, with its files, is an archive under `/download/submission` (hepdata/modules/records and
hepdata/modules/converter of github.com/HEPData/hepdata).
"""

import json
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from bsnunu_jax import __version__
from bsnunu_jax.errors import InputError
from bsnunu_jax.experiments.archives import read_members
from bsnunu_jax.experiments.data_sets import DataSet, is_right, place

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")


class DownloadError(Exception):
    """A download that failed: one line with the reason and what to do."""


class _UnreachableError(Exception):
    """No answer, or a connection that broke off: asking for something else is of no use."""


class _RefusedError(Exception):
    """An answer that does not help; another file or the archive may."""

    status = 200


@dataclass(frozen=True)
class _Site:
    """HEPData's server, or one that answers like it."""

    address: str
    timeout: float

    @contextmanager
    def open(self, path: str, start: int = 0) -> Iterator[Any]:
        """The response to a request of `path`, from byte `start` on if the server can."""
        headers = {"User-Agent": f"bsnunu_jax/{__version__}", "Accept": "*/*"}
        if start:
            headers["Range"] = f"bytes={start}-"
        with self._network():
            response = urlopen(Request(self.address + path, headers=headers), timeout=self.timeout)
        with response:
            yield response

    def read(self, response: Any) -> bytes:
        """The next bytes of a response, none at its end."""
        with self._network():
            return bytes(response.read1(1 << 16))

    def json(self, path: str) -> Any:
        """The content of a JSON page."""
        with self.open(path) as response:
            text = b"".join(iter(lambda: self.read(response), b""))
        try:
            return json.loads(text)
        except ValueError:
            raise _RefusedError(f"{self.address}{path} is no JSON page") from None

    def file_name(self, path: str) -> str:
        """The name that the server gives a file, or nothing."""
        with self.open(path) as response:
            return response.headers.get_filename() or ""

    @contextmanager
    def _network(self) -> Iterator[None]:
        """Whatever can go wrong in the network, in words."""
        try:
            yield
        except HTTPError as error:
            error.close()
            refused = _RefusedError(f"{error.url} answers with HTTP status {error.code}")
            refused.status = error.code
            raise refused from None
        except (URLError, HTTPException, OSError) as error:
            reason: Any = getattr(error, "reason", error)  # a URLError wraps what went wrong
            what = " ".join(str(getattr(reason, "strerror", None) or reason).split())
            if isinstance(reason, TimeoutError):
                what = f"no answer for {self.timeout:g} s"
            raise _UnreachableError(f"no connection with {self.address}: {what}") from None


def get(data: DataSet, folder: Path, *, timeout: float = 30.0) -> dict[str, str]:
    """Download the files of a record that a folder lacks; progress on stderr if it is a terminal.

    A file takes its name when its checksum is right; until then what there is of it is
    `NAME.partial`, from where a later call goes on.

    Args:
        timeout: seconds without an answer after which the server is given up.

    Returns:
        what became of each file: "kept" or "downloaded".

    Raises:
        DownloadError: with the reason, and how to do it by hand.
        InputError: for a folder that cannot be written.
    """
    site = _Site(data.site, timeout)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        wanted = [n for n, sha in data.files.items() if not is_right(folder / n, sha)]
        job = _Job(data, folder, list(wanted), [])
        with suppress(_UnreachableError):
            for source in (_from_resources, _from_archive):
                with job.noting():
                    source(site, job)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(folder)) from None
    if job.missing:
        raise DownloadError(
            f"not downloaded: {', '.join(job.missing)} ({'; '.join(dict.fromkeys(job.failures))}); "
            f"run the command again, or download by hand from https://doi.org/{data.doi} or "
            f"{data.elsewhere}, then `bsnunu data get {data.name} --from DIR`"
        )
    return {name: "downloaded" if name in wanted else "kept" for name in data.files}


@dataclass(frozen=True)
class _Job:
    """What is still missing in a folder, and what went wrong so far."""

    data: DataSet
    folder: Path
    missing: list[str]
    failures: list[str]

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Keep the reason of a failure and go on, unless the server cannot be reached."""
        try:
            yield
        except _RefusedError as error:
            self.failures.append(str(error))
        except _UnreachableError as error:
            self.failures.append(str(error))
            raise


def _from_resources(site: _Site, job: _Job) -> None:
    """Take what is missing from the files of the record and its tables, and archives among them."""
    found = _resources(site, job.data.record) if job.missing else {}
    for name in [n for n in job.missing if n in found]:
        with job.noting():
            _fetch(site, found[name], job.folder / name, job.data.files[name])
            job.missing.remove(name)
    for name, path in found.items():
        if name.endswith(_ARCHIVES) and set(job.missing) - found.keys():
            with job.noting():
                _unpack(site, path, job)


def _from_archive(site: _Site, job: _Job) -> None:
    """Take what is missing from the archive of the submission."""
    if job.missing:
        lacking = _unpack(site, f"/download/submission/{job.data.record}/original", job)
        job.failures.extend(f"the archive of the record has no {name}" for name in lacking)


def _resources(site: _Site, record: str) -> dict[str, str]:
    """Name and path of every file of the record and its tables."""
    page = site.json(f"/record/{record}?format=json")
    pages = [page]
    if isinstance(page, dict) and {"recid", "version"} <= page.keys():
        with suppress(_RefusedError):  # the list that HEPData's own pages show
            pages.append(site.json(f"/record/resources/{page['recid']}/{page['version']}"))
    nodes = list(_objects(pages))
    by_doi = {str(n["doi"]): str(n["filename"]) for n in nodes if {"doi", "filename"} <= n.keys()}
    stated: dict[str, str] = {}  # name by number
    for node in nodes:
        name = str(node.get("filename") or by_doi.get(str(node.get("doi")), ""))
        for text in node.values():
            match = re.search(r"/record/resource/(\d+)", text) if isinstance(text, str) else None
            if match:
                stated[match[1]] = stated.get(match[1]) or name
    found = {}
    for number, name in stated.items():
        path = f"/record/resource/{number}?view=true"
        with suppress(_RefusedError):  # one file that may not be read says nothing about others
            found[name or site.file_name(path)] = path
    return found


def _objects(node: Any) -> Iterator[dict[str, Any]]:
    """Every object in a JSON tree."""
    if isinstance(node, dict):
        yield node
    for child in node.values() if isinstance(node, dict) else node:
        if isinstance(child, dict | list):
            yield from _objects(child)


def _fetch(site: _Site, path: str, target: Path, expected: str) -> None:
    """Download one file, going on from what there is of it; from its beginning if that is wrong."""
    partial = target.with_name(target.name + ".partial")
    while True:
        start = partial.stat().st_size if partial.is_file() else 0
        if not is_right(partial, expected):
            try:
                start = _stream(site, path, partial, target.name)
            except _RefusedError as error:
                if error.status != 416 or not start:
                    raise
        found = sha256(partial.read_bytes()).hexdigest()
        if found == expected:
            partial.replace(target)
            return
        partial.unlink()
        if not start:
            raise _RefusedError(_wrong(target.name, found, expected))


def _stream(site: _Site, path: str, target: Path, name: str) -> int:
    """Append what a file lacks from the server, or all of it; return the byte it started from."""
    from tqdm import tqdm

    start = target.stat().st_size if target.is_file() else 0
    with site.open(path, start) as response:
        start = start if response.status == 206 else 0
        total = None if response.length is None else start + response.length
        with target.open("ab" if start else "wb") as file, tqdm(
            desc=name, total=total, initial=start, unit="B", unit_scale=True, file=sys.stderr,
            disable=None,
        ) as bar:  # fmt: skip
            while chunk := site.read(response):
                file.write(chunk)
                bar.update(len(chunk))
    done = target.stat().st_size
    if total not in (None, done):
        raise _UnreachableError(f"{name} broke off after {done} of {total} bytes")
    return start


def _unpack(site: _Site, path: str, job: _Job) -> list[str]:
    """Download an archive and take what is missing out of it; return what it has not got."""
    lacking = list(job.missing)
    with tempfile.TemporaryDirectory() as folder:
        archive = Path(folder) / "archive"
        _stream(site, path, archive, "archive")
        try:
            for name, content in read_members(archive, tuple(job.missing)):
                lacking = [n for n in lacking if n != name]
                found, expected = sha256(content).hexdigest(), job.data.files[name]
                if found != expected:
                    job.failures.append(_wrong(name, found, expected))
                elif name in job.missing:
                    place(job.folder / name, content)
                    job.missing.remove(name)
        except ValueError as error:
            raise _RefusedError(f"{site.address}{path} is {error}") from None
    return lacking


def _wrong(name: str, found: str, expected: str) -> str:
    return f"{name}: checksum {found}, expected {expected}"
