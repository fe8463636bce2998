"""A supplier's SFTP client: each call is a connection of its own, with one key in and one host key believed."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import asyncssh

ANSWERS_WITHIN_SECONDS = 60
T = TypeVar("T")


@dataclass(frozen=True)
class Address:
    """Where a server is, and its host key: the public line, as `make_key` gives it."""

    host: str
    port: int
    host_key: str


def make_key(path: Path) -> str:
    """Make an ed25519 key once, for its owner's eyes only, and return its public line."""
    if not path.exists():
        draft = path.with_name(f"{path.name}.draft")
        draft.touch(mode=0o600)
        asyncssh.generate_private_key("ssh-ed25519").write_private_key(draft)
        draft.replace(path)
    return asyncssh.read_private_key(path).export_public_key().decode().strip()


@asynccontextmanager
async def connected(there: Address, user: str, key: Path) -> AsyncIterator[asyncssh.SSHClientConnection]:
    """Log in as a user with the key of a file. Raises asyncssh.Error."""
    async with asyncssh.connect(
        there.host,
        there.port,
        username=user,
        client_keys=[str(key)],
        known_hosts=asyncssh.import_known_hosts(f"[{there.host}]:{there.port} {there.host_key}\n"),
        preferred_auth="publickey",
        # The developer's own configuration, agent and tickets are for the developer's own hosts.
        config=None,
        agent_path=None,
        gss_host=None,
    ) as connection:
        yield connection


@asynccontextmanager
async def session(there: Address, user: str, key: Path) -> AsyncIterator[asyncssh.SFTPClient]:
    """Log in as `connected` does, for an SFTP session."""
    async with connected(there, user, key) as connection, connection.start_sftp_client() as sftp:
        yield sftp


def put(there: Address, user: str, key: Path, body: bytes, name: str, *, part: bool = True) -> None:
    """Upload a file, `part` as `<name>.part` that is then renamed; a name is under /in or begins with a slash."""
    path = posixpath.join("/in", name)
    passing = f"{path}.part" if part else path

    async def work() -> None:
        async with session(there, user, key) as sftp:
            file = await sftp.open(passing, "wb")
            await file.write(body)
            await file.close()  # not by `async with`, which would also close, and so finish, a file that fails midway
            if part:
                await sftp.rename(passing, path)

    _run(work())


def put_cut(there: Address, user: str, key: Path, body: bytes, name: str, after_bytes: int) -> None:
    """Upload the first bytes of a file until the server has them, then cut the connection without a word."""

    async def work() -> None:
        async with connected(there, user, key) as connection:
            sftp = await connection.start_sftp_client()
            file = await sftp.open(posixpath.join("/in", name), "wb")
            await file.write(body[:after_bytes])
            connection.abort()

    _run(work())


def get(there: Address, user: str, key: Path, name: str) -> bytes:
    """Fetch a file; a name is under /out or begins with a slash."""

    async def work() -> bytes:
        async with session(there, user, key) as sftp, sftp.open(posixpath.join("/out", name), "rb") as file:
            body: bytes = await file.read()
            return body

    return _run(work())


def listdir(there: Address, user: str, key: Path, folder: str) -> list[str]:
    """List the names in a folder, sorted."""

    async def work() -> list[str]:
        async with session(there, user, key) as sftp:
            return sorted(str(name) for name in await sftp.listdir(posixpath.join("/", folder)))

    return _run(work())


def _run(work: Coroutine[Any, Any, T]) -> T:
    return asyncio.run(asyncio.wait_for(work, ANSWERS_WITHIN_SECONDS))
