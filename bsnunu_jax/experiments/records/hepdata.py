"""Files of a HEPData record: resumable downloads, checked by SHA-256.

A record's JSON lists the files attached to the record and to its tables by number, not all by name;
`/record/resource/NUMBER?view=true` sends one with its name in Content-Disposition. The submission
as uploaded, with its files, is an archive under `/download/submission` (hepdata/modules/records and
hepdata/modules/converter of github.com/HEPData/hepdata).
"""

import re
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Any

from bsnunu_jax.experiments.records.archives import MOST_BYTES, read_members
from bsnunu_jax.experiments.records.record import DataSet, is_right, sha256_of
from bsnunu_jax.experiments.records.web import RefusedError, Site, UnreachableError
from bsnunu_jax.foundation.errors import InputError
from bsnunu_jax.foundation.files import write_whole
from bsnunu_jax.foundation.progress import bar

_ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz")
_MOST_FILES = 500  # of a record
_MOST_REASONS = 8  # in a message


class DownloadError(Exception):
    """A download that failed: one line with the reason and what to do."""


def get(
    data: DataSet, folder: Path, *, timeout: float = 30.0, within: float = 600.0
) -> dict[str, str]:
    """Download the files of a record that a folder lacks; progress on stderr if it is a terminal.

    A file takes its name when its checksum is right; until then what there is of it is
    `NAME.partial`, from where a later call goes on.

    Args:
        timeout: seconds without an answer after which the server is given up.
        within: seconds after which the download is given up; a later call goes on.

    Returns:
        what became of each file: "kept" or "downloaded".

    Raises:
        DownloadError: with the reason, and how to do it by hand.
        InputError: for a folder that cannot be written.
    """
    site = Site(data.site, timeout, within, time.monotonic() + within)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        wanted = [n for n, sha in data.files.items() if not is_right(folder / n, sha)]
        job = _Job(data, folder, list(wanted), [])
        with suppress(UnreachableError):
            for source in (_from_resources, _from_archive):
                with job.noting():
                    source(site, job)
    except OSError as error:
        raise InputError(f"cannot be written ({error.strerror})", where=str(folder)) from None
    if job.missing:
        reasons = list(dict.fromkeys(job.failures))
        if len(reasons) > _MOST_REASONS:
            reasons[_MOST_REASONS:] = [f"and {len(reasons) - _MOST_REASONS} more"]
        raise DownloadError(
            f"not downloaded: {', '.join(job.missing)} ({'; '.join(reasons)}); "
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
        except RefusedError as error:
            self.failures.append(str(error))
        except UnreachableError as error:
            self.failures.append(str(error))
            raise


def _from_resources(site: Site, job: _Job) -> None:
    """Take what is missing from the files of the record and its tables, and archives among them."""
    found = _resources(site, job.data.record) if job.missing else {}
    for name in [n for n in job.missing if n in found]:
        with job.noting():
            _fetch(site, found[name], job, name)
            job.missing.remove(name)
    for name, path in found.items():
        if name.endswith(_ARCHIVES) and set(job.missing) - found.keys():
            with job.noting():
                _unpack(site, path, job)


def _from_archive(site: Site, job: _Job) -> None:
    """Take what is missing from the archive of the submission."""
    if job.missing:
        lacking = _unpack(site, f"/download/submission/{job.data.record}/original", job)
        job.failures.extend(f"the archive of the record has no {name}" for name in lacking)


def _resources(site: Site, record: str) -> dict[str, str]:
    """Name and path of every file of the record and its tables."""
    page = site.json(f"/record/{record}?format=json")
    pages = [page]
    recid, version = (page.get(k) if isinstance(page, dict) else None for k in ("recid", "version"))
    if isinstance(recid, int) and isinstance(version, int):
        with suppress(RefusedError):  # the list that HEPData's own pages show
            pages.append(site.json(f"/record/resources/{recid}/{version}"))
    nodes = list(_objects(pages))
    by_doi = {n["doi"]: n["filename"] for n in nodes if {"doi", "filename"} <= n.keys()}
    stated: dict[str, str] = {}  # name by number
    for node in nodes:
        name = node.get("filename") or by_doi.get(node.get("doi", ""), "")
        for text in node.values():
            match = re.search(r"/record/resource/(\d{1,12})\b", text)
            if match:
                stated[match[1]] = stated.get(match[1]) or name
    found = {}
    for number, name in islice(stated.items(), _MOST_FILES):
        path = f"/record/resource/{number}?view=true"
        with suppress(RefusedError):  # one file that may not be read says nothing about others
            found[name or site.file_name(path)] = path
    return found


def _objects(tree: Any) -> Iterator[dict[str, str]]:
    """The texts of every object in a JSON tree, however deep."""
    nodes = [tree]
    while nodes:
        node = nodes.pop()
        if isinstance(node, dict):
            yield {key: value for key, value in node.items() if isinstance(value, str)}
        children = node.values() if isinstance(node, dict) else node
        nodes.extend(child for child in children if isinstance(child, dict | list))


def _fetch(site: Site, path: str, job: _Job, name: str) -> None:
    """Download one file, going on from what there is of it; from its beginning if that is wrong."""
    target, expected, size = job.folder / name, job.data.files[name], job.data.sizes.get(name)
    partial = target.with_name(f"{name}.partial")
    while True:
        begun = start = partial.stat().st_size if partial.is_file() else 0
        length = size
        if not is_right(partial, expected):
            try:
                start, length = _stream(site, path, partial, name, job.data.most(name))
            except RefusedError as error:  # of what goes on: its beginning may be what is wrong
                if not begun or error.status not in (200, 416):
                    raise
        found = sha256_of(partial)
        if found == expected:
            partial.replace(target)
            return
        done = partial.stat().st_size
        if length is None and size is not None and done < size:
            raise UnreachableError(f"{name} broke off after {done} of {size} bytes")
        partial.unlink()
        if not start:
            raise RefusedError(_wrong(name, found, expected))


def _stream(site: Site, path: str, target: Path, name: str, most: int) -> tuple[int, int | None]:
    """Append what a file lacks from the server, or all of it, but no more than `most` bytes.

    Returns:
        the byte it started from, and the length if the server says it.
    """
    start = target.stat().st_size if target.is_file() else 0
    with site.open(path, start) as response:
        start = start if response.status == 206 else 0
        stated = response.headers.get("Content-Range", "")
        if start and stated and not re.match(rf"bytes\s+{start}-", stated):
            raise RefusedError(f"{name}: another part than the one from byte {start} on")
        total = None if response.length is None else start + response.length
        done = start
        too_long = RefusedError(f"{name} is longer than the {most} bytes that are expected at most")
        if total is not None and total > most:
            raise too_long
        with (
            target.open("ab" if start else "wb") as file,
            bar(name, "B", quiet=None, total=total, initial=start, unit_scale=True) as shown,
        ):
            while chunk := site.read(response):
                done += len(chunk)
                if done > most:
                    raise too_long
                file.write(chunk)
                shown.update(len(chunk))
    if total not in (None, done):
        raise UnreachableError(f"{name} broke off after {done} of {total} bytes")
    return start, total


def _unpack(site: Site, path: str, job: _Job) -> list[str]:
    """Download an archive and take what is missing out of it; return what it has not got."""
    lacking = list(job.missing)
    with tempfile.TemporaryDirectory(dir=job.folder, prefix=".archive-") as folder:
        archive = Path(folder) / "archive"
        _stream(site, path, archive, "the archive", MOST_BYTES)
        most = max(job.data.most(name) for name in job.missing)
        try:
            for name, content in read_members(archive, tuple(job.missing), most):
                lacking = [n for n in lacking if n != name]
                found, expected = sha256(content).hexdigest(), job.data.files[name]
                if len(content) > most:
                    job.failures.append(f"{name} is longer than {most} bytes in the archive")
                elif found != expected:
                    job.failures.append(_wrong(name, found, expected))
                elif name in job.missing:
                    write_whole(job.folder / name, content)
                    job.missing.remove(name)
        except ValueError as error:
            raise RefusedError(f"{site.address}{path} is {error}") from None
    return lacking


def _wrong(name: str, found: str, expected: str) -> str:
    return f"{name}: checksum {found}, expected {expected}"
