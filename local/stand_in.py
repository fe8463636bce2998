"""What stand-in shops of any platform have in common: a memory, faults on demand, and a server on 127.0.0.1.

Like the shops themselves, it shares no code and no constant with what they stand opposite to.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import parse_qsl, urlsplit

from local import faults

NEVER_SECONDS = 3600.0
REFUSALS = 400


@dataclass(frozen=True)
class Store:
    """A shop's own memory, a file that several processes may use. `schema`: the tables it has."""

    path: Path
    schema: str

    @contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """Open the file for one piece of work, all of it kept or none."""
        with closing(sqlite3.connect(self.path, timeout=10)) as connection:
            connection.execute("PRAGMA synchronous = OFF")  # a killed process loses nothing, and power is not cut here
            connection.executescript(self.schema + faults.TABLE)
            connection.execute("BEGIN IMMEDIATE")
            with connection:
                yield connection


@dataclass(frozen=True)
class Asked:
    """One request. Header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Response:
    """What goes back over HTTP; with a body of None, nothing but its status and headers."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


class Shop(Protocol):
    """A stand-in shop, as far as being asked goes."""

    @property
    def store(self) -> Store:
        """Hold what it remembers."""
        ...

    @property
    def wait(self) -> Callable[[float], object]:
        """Wait so many seconds."""
        ...

    def answer(self, store: sqlite3.Connection, asked: Asked) -> Response:
        """Answer one request from the shop's memory, and change it."""
        ...


def answered(shop: Shop, asked: Asked) -> Response:
    """Answer one request; a change as if it were done, without doing it, when that is the fault set."""
    with shop.store.open() as store:
        before = store.total_changes
        store.execute("SAVEPOINT asked")
        response = shop.answer(store, asked)
        has_changed = store.total_changes > before
        is_lie = has_changed and response.status < REFUSALS and bool(faults.take(store, "lie"))
        if is_lie or response.status >= REFUSALS:
            store.execute("ROLLBACK TO asked")
        if is_lie:
            faults.take(store, "lie")  # the first taking was rolled back, too
        return response


def respond(shop: Shop, asked: Asked) -> Response | None:
    """Answer one request as the fault that is set says, if one is; None: close without an answer."""
    with shop.store.open() as store:
        fault = faults.take(store, *faults.TO_REQUESTS)
    settings = fault.settings if fault else {}
    match fault and fault.kind:
        case "throttle":
            return Response(429, {"message": "Too many requests"}, {"Retry-After": str(settings.get("seconds", 1.0))})
        case "fail":
            return Response(settings.get("status", 500), {"message": "Internal Server Error"})
        case "hang":
            shop.wait(settings.get("seconds", NEVER_SECONDS))
            return answered(shop, asked) if "seconds" in settings else None
        case "drop":
            answered(shop, asked)
            return None
    return answered(shop, asked)


@contextmanager
def serving(shop: Shop) -> Iterator[str]:
    """Serve a shop for as long as the block; give its URL, without a path."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            parts = urlsplit(self.path)
            asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), headers, body)
            response = respond(shop, asked)
            if response is None:
                return
            text = b"" if response.body is None else json.dumps(response.body).encode()
            with suppress(ConnectionError):  # who asked may have gone while the shop hung
                self.send_response(response.status)
                for name, value in response.headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

        def do_GET(self) -> None:
            self.do_POST()

        def do_PUT(self) -> None:
            self.do_POST()

        def do_PATCH(self) -> None:
            self.do_POST()

        def log_message(self, *_: object) -> None:
            """Keep the terminal for the day."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def pause(seconds: float) -> None:
    """Wait, as a shop does that nobody hurries."""
    time.sleep(seconds)
