"""Stand-ins for what purchase orders are sent to: a supplier's API, SES, and a Transfer Family connector.

Each takes whatever comes, a second time too, so that nothing hides a second send; each fails as `local.faults` is told.
By the public specifications: RFC 6749 (tokens), SES v2 SendEmail, Transfer Family StartFileTransfer.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import sqlite3
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs

from local.stand_in import Asked, Response, Store, pause

SCHEMA = """
CREATE TABLE IF NOT EXISTS arrived (number TEXT, path TEXT, body BLOB, headers TEXT);
CREATE TABLE IF NOT EXISTS tokens (token TEXT);
CREATE TABLE IF NOT EXISTS transfers (id TEXT PRIMARY KEY, state TEXT);
"""
TOKEN_LIFE_SECONDS = 3600


@dataclass
class StandIn:
    """What each has: a memory, and how it waits."""

    store: Store
    wait: Callable[[float], object] = pause

    def arrived(self) -> list[tuple[str, bytes]]:
        """Return what was taken, number (or name) and body, in order."""
        with self.store.open() as store:
            return store.execute("SELECT number, body FROM arrived ORDER BY rowid").fetchall()


def _take(store: sqlite3.Connection, number: str, asked: Asked, body: bytes) -> None:
    row = number, asked.path, body, json.dumps(dict(asked.headers))
    store.execute("INSERT INTO arrived VALUES (?, ?, ?, ?)", row)


@dataclass
class SupplierApi(StandIn):
    """POST /orders, POST /cancels, GET /orders/<number>, POST /token.

    `signs_in`: by a key, a user, a token or a signature, or not. `knows_numbers`: a number again is a conflict.
    """

    signs_in: str = "none"
    secret: str = "letters"  # noqa: S105 - made up, as all that stands in
    knows_numbers: bool = False

    def answer(self, store: sqlite3.Connection, asked: Asked) -> Response:
        """Answer one request."""
        if asked.path == "/token":
            return self._token(store, asked)
        if not self._is_known(store, asked):
            return Response(401, {"error": "who are you"})
        if asked.method == "GET":
            number = asked.path.rpartition("/")[2]
            found = store.execute("SELECT 1 FROM arrived WHERE number = ? AND path = '/orders'", (number,)).fetchone()
            return Response(200, {"po": number}) if found else Response(404, {"error": "no such order"})
        number = json.loads(asked.body)["po"]
        if not number:
            return Response(422, {"errors": [{"message": "a number is missing"}]})
        if self.knows_numbers and store.execute("SELECT 1 FROM arrived WHERE number = ?", (number,)).fetchone():
            return Response(409, {"error": "there already"})
        _take(store, number, asked, asked.body)
        return Response(201, {"po": number})

    def _token(self, store: sqlite3.Connection, asked: Asked) -> Response:
        form = parse_qs(asked.body.decode())
        if asked.headers.get("authorization") != _basic("shop", self.secret):
            return Response(401, {"error": "invalid_client"})
        if form.get("grant_type") != ["client_credentials"]:
            return Response(400, {"error": "unsupported_grant_type"})
        (count,) = store.execute("SELECT count(*) FROM tokens").fetchone()
        store.execute("INSERT INTO tokens VALUES (?)", (f"token-{count + 1}",))
        return Response(
            200, {"access_token": f"token-{count + 1}", "token_type": "Bearer", "expires_in": TOKEN_LIFE_SECONDS}
        )

    def _is_known(self, store: sqlite3.Connection, asked: Asked) -> bool:
        said = asked.headers.get("authorization", "")
        match self.signs_in:
            case "key":
                return asked.headers.get("x-api-key") == self.secret
            case "basic":
                return said == _basic("shop", self.secret)
            case "oauth2":
                last = store.execute("SELECT token FROM tokens ORDER BY rowid DESC").fetchone()
                return last is not None and said == f"Bearer {last[0]}"
            case "signature":
                over = asked.headers.get("x-time", "").encode() + b"." + asked.body
                digest = hmac.digest(self.secret.encode(), over, hashlib.sha256)
                return asked.headers.get("x-signature") == f"v1={digest.hex()}"
        return True


@dataclass
class MailService(StandIn):
    """SES, as far as sending a raw message goes: behind AWS_ENDPOINT_URL_SESV2. It keeps messages whole."""

    def answer(self, store: sqlite3.Connection, asked: Asked) -> Response:
        """Answer one request."""
        raw = base64.b64decode(json.loads(asked.body)["Content"]["Raw"]["Data"])
        head = raw.partition(b"\r\n\r\n")[0].decode()
        number = head.partition("X-Truestock-Number: ")[2].partition("\r\n")[0]
        _take(store, number, asked, raw)
        return Response(200, {"MessageId": f"mail-{number}"})


@dataclass
class FileTransfers(StandIn):
    """Transfer Family's connectors: behind AWS_ENDPOINT_URL_TRANSFER.

    `read` fetches a file by bucket and key, `put` puts one by folder and name onto the supplier's server; a failure of
    it is the transfer's. `is_slow`: a transfer stays under way until that is said to be over.
    """

    read: Callable[[str, str], bytes] = lambda _bucket, _key: b""
    put: Callable[[str, str, bytes], None] = lambda _folder, _name, _body: None
    is_slow: bool = False
    failures: list[str] = field(default_factory=list)

    def answer(self, store: sqlite3.Connection, asked: Asked) -> Response:
        """Answer one request."""
        about = json.loads(asked.body)
        if asked.headers["x-amz-target"].endswith(".ListFileTransferResults"):
            found = store.execute("SELECT state FROM transfers WHERE id = ?", (about["TransferId"],)).fetchone()
            state = "IN_PROGRESS" if self.is_slow else found[0]
            return Response(200, {"FileTransferResults": [{"FilePath": "/a", "StatusCode": state}]})
        (count,) = store.execute("SELECT count(*) FROM transfers").fetchone()
        transfer = f"transfer-{count + 1}"
        state = "COMPLETED"
        for path in about["SendFilePaths"]:
            _, bucket, key = path.split("/", 2)
            name, body = key.rpartition("/")[2], self.read(bucket, key)
            try:
                self.put(about["RemoteDirectoryPath"], name, body)
                _take(store, name, asked, body)
            except OSError as error:
                self.failures.append(str(error))
                state = "FAILED"
        store.execute("INSERT INTO transfers VALUES (?, ?)", (transfer, state))
        return Response(200, {"TransferId": transfer})


def store(path: Path) -> Store:
    """Make the memory of a stand-in."""
    return Store(path, SCHEMA)


def _basic(user: str, password: str) -> str:
    return f"Basic {base64.b64encode(f'{user}:{password}'.encode()).decode()}"
