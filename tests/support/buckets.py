"""Buckets over loopback for workers that are processes: objects to get, each with its ETag, as S3 answers."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NO_SUCH_KEY = b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"


@contextmanager
def serving(objects: Mapping[str, bytes]) -> Iterator[str]:
    """Serve objects, `<bucket>/<key> -> bytes`, for as long as the block; give the URL of all buckets."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = objects.get(self.path.partition("?")[0].removeprefix("/"))
            etag = f'"{hashlib.md5(body or b"", usedforsecurity=False).hexdigest()}"'
            if body is None:
                self.answer(404, NO_SUCH_KEY)
            elif self.headers.get("If-None-Match") == etag:
                self.answer(304, b"", ETag=etag)
            else:
                self.answer(200, body, ETag=etag)

        def answer(self, status: int, body: bytes, **headers: str) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Keep the terminal for the tests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
