"""A server on the loopback that answers with raw bytes, and a record of HEPData on it."""

import json
import socket
import threading
from collections.abc import Callable
from contextlib import contextmanager
from hashlib import sha256

from bsnunu_jax.experiments.records.record import CHECKSUMS

FILES = {name: f"content of {name}\n".encode() * 20 for name in CHECKSUMS}
SUMS = {name: sha256(content).hexdigest() for name, content in FILES.items()}
RECORD = "/record/ins2947386?format=json"
LIST = "/record/resources/166082/1"
ARCHIVE = "/download/submission/ins2947386/original"
PATHS = {name: f"/record/resource/{n}?view=true" for n, name in enumerate(FILES, 11)}


def answer(content=b"", status="200 OK", headers=()):
    """The bytes of a right answer, with more headers."""
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers]
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + content


def record(nodes):
    return answer(json.dumps({"recid": 166082, "version": 1, "resources": nodes}).encode())


def right_answers():
    """Path and answer of everything that a friendly server has."""
    nodes = [{"filename": name, "url": path} for name, path in PATHS.items()]
    files = {PATHS[name]: answer(content) for name, content in FILES.items()}
    return {RECORD: record(nodes), LIST: answer(b"[]"), **files}


def chunked(content):
    """An answer in chunks without a length."""
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + content


@contextmanager
def serving(answers: dict[str, bytes | Callable]):
    """Address of a server with these answers: bytes, or a function of a socket and the request."""
    listener = socket.create_server(("127.0.0.1", 0))
    address = "http://{}:{}".format(*listener.getsockname())
    threads = []

    def serve(connection):
        with connection:
            try:
                request = b""
                while b"\r\n\r\n" not in request:
                    more = connection.recv(1 << 16)
                    if not more:
                        return
                    request += more
                path = request.split(b" ")[1].decode()
                reply = answers.get(path, answer(b"not here", "404 Not Found"))
                if callable(reply):
                    reply(connection, request)
                else:
                    connection.sendall(reply.replace(b"HERE", address.encode()))
            except OSError:  # the client has left
                return

    def accept():
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connection.settimeout(10)
            threads.append(threading.Thread(target=serve, args=(connection,)))
            threads[-1].start()

    accepting = threading.Thread(target=accept)
    accepting.start()
    try:
        yield address
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        accepting.join()
        for thread in threads:
            thread.join()


def endless(start, piece=b"0" * (1 << 20), most=300 << 20):
    """A function that sends a beginning and then pieces, `most` bytes if the client stays."""

    def reply(connection, _):
        connection.sendall(start)
        for _ in range(most // len(piece)):
            connection.sendall(piece)

    return reply


def dripping(start, piece=b"x", pause=0.02, seconds=20.0):
    """A function that sends a beginning and then a piece now and then."""
    left = threading.Event()

    def reply(connection, _):
        connection.sendall(start)
        for _ in range(int(seconds / pause)):
            left.wait(pause)
            connection.sendall(piece)

    return reply
