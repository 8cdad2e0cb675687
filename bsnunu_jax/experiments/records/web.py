"""Pages and files of a web server, bounded in bytes and in time whatever it sends.

The standard library's client does the talking, proxies included; what it lacks, as do requests and
httpx, is a bound: every read of a socket has a time limit of its own, so that a server that sends a
byte now and then holds them for ever, and headers, interim answers and bodies have no end.
"""

import io
import json
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from http.client import HTTPException, HTTPResponse
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import (
    AbstractHTTPHandler,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    Request,
    build_opener,
)

from bsnunu_jax.foundation.version import __version__

_MOST_HEADERS = 1 << 18  # bytes of an answer beside its content, but for an eighth of that
_MOST_PAGE = 1 << 23  # bytes of a JSON page
_MOST_WORDS = 200  # characters of what a server says


class UnreachableError(Exception):
    """No answer, or a connection that broke off: asking for something else is of no use."""


class RefusedError(Exception):
    """An answer that does not help; another file or the archive may."""

    status = 200


@dataclass(frozen=True)
class Site:
    """A server, and how long it may take.

    Attributes:
        address: scheme and host.
        timeout: seconds without a byte after which it is given up.
        within: seconds that all of it may take.
        until: when they are over, of `time.monotonic`.
    """

    address: str
    timeout: float
    within: float
    until: float

    @contextmanager
    def open(self, path: str, start: int = 0) -> Iterator[HTTPResponse]:
        """The response to a request of `path`, from byte `start` on if the server can."""
        headers = {"User-Agent": f"bsnunu_jax/{__version__}", "Accept": "*/*"}
        if start:
            headers["Range"] = f"bytes={start}-"
        request = Request(self.address + path, headers=headers)
        try:
            answer = self._opener.open(request, timeout=max(min(self.timeout, self._left()), 1e-3))
        except HTTPError as error:
            error.close()
            raise _refused(error) from None
        except ValueError as error:  # from urllib.parse
            what = f"{request.full_url} leads to no address that can be read ({_words(error)})"
            raise RefusedError(what) from None
        with answer:
            yield answer

    def read(self, response: HTTPResponse) -> bytes:
        """The next bytes of a response, none at its end."""
        with self.network(self.address):
            return bytes(response.read1(1 << 16))

    def json(self, path: str) -> Any:
        """The content of a JSON page."""
        text = bytearray()
        with self.open(path) as response:
            while chunk := self.read(response):
                text += chunk
                if len(text) > _MOST_PAGE:
                    raise RefusedError(f"{self.address}{path} is longer than {_MOST_PAGE} bytes")
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise RefusedError(f"{self.address}{path} is no JSON page") from None

    def file_name(self, path: str) -> str:
        """The name that the server gives a file, or nothing."""
        with self.open(path) as response:
            try:
                return response.headers.get_filename() or ""
            except Exception:  # continuations (RFC 2231) that contradict each other
                return ""

    @cached_property
    def _opener(self) -> OpenerDirector:
        """One for all requests: with each, certificates are read."""
        return build_opener(_Http(self), _Https(self), _Redirects)

    def _left(self) -> float:
        return self.until - time.monotonic()

    @contextmanager
    def network(self, address: str) -> Iterator[None]:
        """Whatever can go wrong in the network on the way to an address, in words."""
        try:
            if self._left() <= 0:
                raise TimeoutError
            yield
        except (URLError, OSError, HTTPException, ValueError, OverflowError) as error:
            reason: Any = getattr(error, "reason", error)  # a URLError wraps what went wrong
            what = _words(getattr(reason, "strerror", None) or reason)
            if self._left() <= 0:
                line = f"{address} took longer than {self.within:g} s"
            elif isinstance(reason, TimeoutError):
                line = f"no connection with {address}: no answer for {self.timeout:g} s"
            elif isinstance(reason, OSError) or isinstance(error, URLError):
                line = f"no connection with {address}: {what}"
            else:
                line = f"{address} sends no right HTTP answer ({what})"
            raise UnreachableError(line) from None


def _refused(error: HTTPError) -> RefusedError:
    line = f"{_words(error.url)} answers with HTTP status {error.code}"
    if 300 <= error.code < 400:
        to = error.headers.get("Location", "nowhere")
        line = f"HTTP status {error.code} leads to {_words(to)}, which is not followed"
    refused = RefusedError(line)
    refused.status = error.code
    return refused


def _words(text: Any) -> str:
    """What a server says, as a part of one line."""
    line = " ".join("".join(c if c.isprintable() else " " for c in str(text)).split())
    return line if len(line) <= _MOST_WORDS else f"{line[:_MOST_WORDS]}..."


class _Response(HTTPResponse):
    """An answer that ends at a moment, and when there is no end of what is not content."""

    def __init__(self, until: float, sock: socket.socket, **options: Any) -> None:
        super().__init__(sock, **options)
        self._bounded = _Bounded(self.fp.detach(), sock, until)
        self.fp = io.BufferedReader(self._bounded)

    def read1(self, n: int = -1) -> bytes:
        content = super().read1(n)
        self._bounded.left += len(content) + len(content) // 8
        return content


class _Bounded(io.RawIOBase):
    """What comes out of a socket; `left` is how many bytes still may."""

    def __init__(self, raw: io.RawIOBase, sock: socket.socket, until: float) -> None:
        self._raw, self._socket, self._until = raw, sock, until
        self._timeout = sock.gettimeout()
        self.left = _MOST_HEADERS

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        seconds = self._until - time.monotonic()
        if seconds <= 0:
            raise TimeoutError
        if self.left <= 0:
            raise HTTPException("it has no end")
        self._socket.settimeout(seconds if self._timeout is None else min(self._timeout, seconds))
        count: int | None = self._raw.readinto(buffer)
        self.left -= count or 0
        return count

    def close(self) -> None:
        self._raw.close()
        super().close()


class _Opener(AbstractHTTPHandler):
    """Connections with bounded answers, for plain and encrypted ones, proxies' answers included."""

    def __init__(self, site: Site) -> None:
        super().__init__()
        self._site = site

    def do_open(self, http_class: Any, req: Request, **http_conn_args: Any) -> Any:
        site = self._site

        def bounded(*arguments: Any, **more: Any) -> Any:
            made = http_class(*arguments, **more)
            made.response_class = partial(_Response, site.until)
            return made

        with site.network(f"{req.type}://{req.host}"):
            return super().do_open(bounded, req, **http_conn_args)


class _Http(_Opener, HTTPHandler):
    pass


class _Https(_Opener, HTTPSHandler):
    pass


class _Redirects(HTTPRedirectHandler):
    """Redirections to web servers, never out of encryption; their content is not read."""

    def http_error_302(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any
    ) -> HTTPResponse | None:
        try:
            return super().http_error_302(req, fp, code, msg, headers)
        except BaseException:  # an address that cannot be read leaves the answer open
            fp.close()
            raise

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(
        self, req: Request, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> Request | None:
        fp.close()
        before, after = urlsplit(req.full_url).scheme, urlsplit(newurl).scheme
        if after not in ("http", "https") or (before, after) == ("https", "http"):
            raise HTTPError(req.full_url, code, msg, headers, fp)
        return super().redirect_request(req, fp, code, msg, headers, newurl)
