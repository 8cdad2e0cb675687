"""Damaged and hostile archives: a right file, a refusal, and never much memory or time.

    python tests/support/fuzz_archives.py [COUNT [SEED]]

prints what became of crafted archives and COUNT mutations of them, and fails if one of them ended
in another exception than ValueError, gave a file that is not asked for, took over 2 s of a core or
over 1 GB of memory. The same seed (0) makes the same mutations.
"""

import gzip
import io
import resource
import struct
import sys
import tarfile
import tempfile
import time
import warnings
import zipfile
from collections import Counter
from contextlib import suppress
from pathlib import Path

import numpy as np

from bsnunu_jax.experiments.records.archives import read_members

WANTED = {"table.csv": b"1, 2, 3\n" * 40, "likelihood.json": b'{"channels": []}' * 20}
SECONDS, KILOBYTES = 2.0, 1 << 20
BOMB = 80 << 20  # bytes


def zipped(members, method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w", method) as archive:
        warnings.simplefilter("ignore")  # the same name twice
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def tarred(members, kind="w", pax=None, format=tarfile.PAX_FORMAT):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=kind, format=format) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, bytes):
                member.size, member.pax_headers = len(content), pax or {}
                archive.addfile(member, io.BytesIO(content))
            else:
                member.type, member.linkname = content.encode(), "/etc/passwd"
                archive.addfile(member)
    return buffer.getvalue()


def packed(content):
    return gzip.compress(content, 1)


def raw_header(name, kind, size, content=b""):
    """A member of a tar archive that says anything of itself."""
    member = tarfile.TarInfo(name)
    member.type, member.size = kind, size
    return member.tobuf(tarfile.GNU_FORMAT) + content + bytes(-len(content) % 512)


def crafted():
    """Name and content of archives, and whether the wanted files can be had of them."""
    good = list(WANTED.items())
    deep = [("a/" * 100 + name, content) for name, content in good]
    plain = zipped(good, zipfile.ZIP_STORED)
    central = plain.index(b"PK\x01\x02")
    end = plain.index(b"PK\x05\x06")
    nameless = zipped([("x", b""), *good])
    other = raw_header("y", b"0", 0)
    sparse = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "99"}
    sparse_record = b"22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
    yield "zip", zipped(good), True
    yield "zip, stored", plain, True
    yield "zip, in folders", zipped(deep), True
    yield "zip, folders of that name", zipped([(f"{n}/", b"") for n in WANTED] + good), True
    at = nameless.index(b"PK\x01\x02")
    nameless = edited(edited(nameless, 26, "<HH", 0, 1), at + 28, "<HH", 0, 1)
    yield "zip, empty name", nameless, True
    yield "zip, paths out of it", zipped([(f"../../{n}", c) for n, c in good]), True
    yield "zip, absolute paths", zipped([(f"/etc/{n}", c) for n, c in good]), True
    yield "zip, names of another system", zipped([(f"C:\\x\\{n}", c) for n, c in good]), False
    yield "zip, encrypted", flagged(plain, central, 1), False
    named = flagged(plain, central, 0x800).replace(b"table.csv", b"\xffable.csv")
    yield "zip, no UTF-8", named, False
    yield "zip, bzip2", zipped([(n, bytes(BOMB)) for n in WANTED], zipfile.ZIP_BZIP2), False
    yield "zip, LZMA", zipped([(n, bytes(1 << 24)) for n in WANTED], zipfile.ZIP_LZMA), False
    yield "zip, bomb", zipped([(n, bytes(BOMB)) for n in WANTED]), None
    yield "zip, the name again and again", zipped([("table.csv", bytes(1000))] * 5000 + good), None
    yield "zip, many members", zipped([(f"{i}", b"") for i in range(15_000)] + good), True
    yield "zip, huge directory", zipped([(f"{i:0>200}", b"") for i in range(10_000)] + good), None
    for at, what in ((12, "size"), (16, "start")):
        yield f"zip, {what} of the directory", edited(plain, end + at, "<I", 1 << 31), False
    for at, what in ((20, "packed size"), (24, "size"), (42, "start")):
        yield f"zip, {what} of a member", edited(plain, central + at, "<I", 1 << 31), None
    yield "zip64, lies", zip64(plain, end), False
    yield "tar", tarred(good), True
    yield "tar, old", tarred(good, format=tarfile.GNU_FORMAT), True
    yield "tar.gz", tarred(good, "w:gz"), True
    yield "tar.gz twice", gzip.compress(tarred(good, "w:gz")), False
    yield "tar, in folders", tarred(deep), True
    yield "tar, long names", tarred(deep, format=tarfile.GNU_FORMAT), True
    yield "tar, paths out of it", tarred([(f"../../{n}", c) for n, c in good]), True
    for kind in "1234567SLKxg?":
        yield f"tar, type {kind}", tarred([(n, kind) for n in WANTED]), None
        yield f"tar, type {kind} beside", tarred([("x", kind), *good]), None
    yield "tar, bomb", packed(raw_header("x", b"0", BOMB, bytes(BOMB)) + tarred(good)), False
    yield "tar, bomb of a name", packed(raw_header("table.csv", b"0", BOMB, bytes(BOMB))), None
    yield "tar, huge size", raw_header("table.csv", b"0", 1 << 60) + tarred(good), False
    yield "tar, negative size", raw_header("table.csv", b"0", -512) + tarred(good), False
    yield "tar, long name of 128 MB", packed(raw_header("x", b"L", BOMB, b"x" * BOMB)), False
    yield "tar, many long names", raw_header("x", b"L", 9, b"x" * 9) * 5000 + tarred(good), None
    yield "tar, many members", tarred([("x", b"")] * 50_000 + good, format=tarfile.GNU_FORMAT), None
    for size, count in ((1 << 10, 9000), (1 << 12, 100), (1 << 22, 1)):
        # every two letters a key that is as long as what follows
        header = raw_header("x", b"x", size, b"2 " * (size // 2 - 1) + b"a=")
        yield f"tar, keys in keys, {count}", header * count + tarred(good), None
        yield f"tar, keys in keys, {count}, apart", (header + other) * count, None
    yield "tar, sizes in extensions", tarred(good, pax={"size": "-1000"}), None
    yield "tar, huge sizes in extensions", tarred(good, pax={"size": "9" * 4000}), None
    yield "tar, sparse", tarred(good, pax={"GNU.sparse.map": "0,1," * 300 + "x"}), None
    yield "tar, sparse map", tarred(good, pax=sparse), None
    extended = raw_header("x", b"x", len(sparse_record), sparse_record)
    numbers = b"99999999\n" + b"0\n" * (BOMB // 2 - 5)
    long = packed(extended + raw_header("table.csv", b"0", len(numbers), numbers))
    yield "tar, long sparse map", long, None
    yield "gzip, cut", tarred(good, "w:gz")[:-20], None
    yield "gzip, garbage behind", tarred(good, "w:gz") + b"garbage", None
    yield "gzip, nothing", gzip.compress(b""), False
    yield "gzip, zeros", packed(bytes(BOMB)), False
    yield "nothing", b"", False
    yield "text", b"<html>", False


def edited(content, at, form, *values):
    new = struct.pack(form, *values)
    return content[:at] + new + content[at + len(new) :]


def flagged(archive, central, flag):
    """A zip archive with a flag of its first member, here and in its directory."""
    return edited(edited(archive, 6, "<H", flag), central + 8, "<H", flag)


def zip64(plain, end):
    """A zip archive whose 64-bit end says that its directory is huge."""
    record = struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 2, 2, 1 << 62, 1 << 62)
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    tail = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, 65535, 65535, 2**32 - 1, 2**32 - 1, 0)
    return plain[:end] + record + locator + tail


def mutated(rng, archive):
    """Some bytes changed, dropped, doubled or moved."""
    content = bytearray(archive)
    for _ in range(rng.integers(1, 9)):
        at, length = int(rng.integers(len(content) + 1)), int(rng.integers(1, 64))
        match rng.integers(6):
            case 0:
                content[at : at + 1] = rng.bytes(1)
            case 1:
                content[at : at + length] = rng.bytes(length)
            case 2:
                del content[at : at + length]
            case 3:
                content[at:at] = content[at : at + length]
            case 4:
                content[at : at + 4] = b"\xff\xff\xff\xff"
            case _ if len(content) > 1:
                del content[-length:]
    return bytes(content)


def mutations(archives, count, seed):
    """Archives made of the smaller ones of some: name, content, and nothing known of the files."""
    rng = np.random.default_rng(seed)
    small = [case for case in archives if len(case[1]) < 1 << 15]
    for number in range(count):
        name, content, _ = small[number % len(small)]
        yield f"{name}, mutation {number}", mutated(rng, content), None


def outcome(path, content):
    """What becomes of an archive: "whole", "nothing of it", "a part of it" or "refused"."""
    path.write_bytes(content)
    found = {}
    try:
        for name, text in read_members(path, tuple(WANTED)):
            assert name in WANTED
            found[name] = found.get(name) == WANTED[name] or text == WANTED[name]
    except ValueError as error:
        if str(error) != "no archive that can be read":
            raise
        return "refused"
    right = sum(found.values())
    return "whole" if right == len(WANTED) else "a part of it" if found else "nothing of it"


def memory():
    """The largest memory so far in kB; on Linux, since it was last asked."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def tried(path, name, content, good):
    """What becomes of an archive and the time it takes.

    Raises:
        AssertionError: naming the archive that took too much or gave what it should not.
    """
    before, begin = memory(), time.process_time()
    what = outcome(path, content)
    seconds, grown = time.process_time() - begin, memory() - before
    assert seconds < SECONDS, f"{name}: {seconds:.1f} s"
    assert grown < KILOBYTES, f"{name}: {grown} kB"
    assert good is None or (what == "whole") == good, f"{name}: {what}"
    return what, seconds, grown


def main(archives):
    """Try archives: the number of each outcome, the longest time and the largest memory in kB."""
    outcomes, longest, most = Counter(), (0.0, ""), (0, "")
    with tempfile.TemporaryDirectory() as folder:
        for name, content, good in archives:
            what, seconds, grown = tried(Path(folder) / "archive", name, content, good)
            outcomes[what] += 1
            longest, most = max(longest, (seconds, name)), max(most, (grown, name))
    return outcomes, longest, most


if __name__ == "__main__":
    number, first = map(int, (sys.argv[1:] + ["1000", "0"][len(sys.argv) - 1 :])[:2])
    made = list(crafted())
    found, slowest, largest = main([*made, *mutations(made, number, first)])
    print(dict(found))
    print(f"longest {slowest[0]:.2f} s ({slowest[1]}); memory {largest[0] >> 10} MB ({largest[1]})")
