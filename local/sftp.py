"""An SFTP server on a free port of 127.0.0.1, over a bucket: what AWS Transfer Family is in the cloud.

Homes and keys are those of deploy/sftp_supplier.yaml: a supplier logs in by its name with its own key and sees /in,
which is `in/<supplier>/` of the bucket, to write, and /out, which is `out/<supplier>/`, to read. Nothing else is there.

An upload lies in a temporary file until the client closes it and is then one object; one that is cut never shows. As
on S3, a rename is a copy and a delete, a name that is there is overwritten, a folder is a marker of no bytes
(`<folder>/`) that no file needs, and nothing is appended to, linked, or given a mode or a time.
"""

from __future__ import annotations

import asyncio
import os
import posixpath
import re
import shutil
import stat
import sys
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import IO, Any

import asyncssh
from asyncssh.constants import FXF_CREAT, FXF_READ, FXF_TRUNC, FXF_WRITE
from botocore.exceptions import BotoCoreError, ClientError

from local.sftp_client import make_key

HOST = "127.0.0.1"
ALGORITHM = "ssh-ed25519"
MOST_BYTES = 128 * 1024 * 1024
STOPS_WITHIN_SECONDS = 10
IN, OUT = "in", "out"
SUPPLIER = re.compile(r"[A-Za-z0-9_@.-]{3,100}")
"""What Transfer Family takes for a user's name."""
NOT_IN_A_NAME = re.compile(r"[\x00-\x1f\x7f#]")
ABSENT = {"404", "NoSuchKey"}
Started = Future[tuple[int, Callable[[], object]]]
"""The port, and what stops the server."""


@dataclass(eq=False)
class Upload:
    """A file that a client writes; `refused` says why it will be no object."""

    key: str
    file: IO[bytes] = field(default_factory=tempfile.TemporaryFile)
    size: int = 0
    written: int = 0
    refused: str = ""

    def write(self, offset: int, data: bytes, most_bytes: int) -> int:
        """Keep bytes at an offset. Raises SFTPFailure, OSError."""
        if offset + len(data) > most_bytes:
            self.refused = f"a file is at most {most_bytes} bytes"
        if self.refused:
            raise asyncssh.SFTPFailure(self.refused)
        try:
            self.file.seek(offset)
            self.file.write(data)
        except OSError:
            self.refused = "not all bytes could be kept"
            raise
        self.size = max(self.size, offset + len(data))
        self.written += len(data)
        return len(data)

    def check(self) -> None:
        """Raise SFTPFailure for what must not become an object."""
        if not self.refused and self.written != self.size:
            self.refused = "the file has holes, or parts that were written twice"
        if self.refused:
            raise asyncssh.SFTPFailure(self.refused)


class Home(asyncssh.SFTPServer):
    """What one session of a supplier sees. The base class works on this machine's files: nothing is left to it."""

    def __init__(self, chan: Any, s3: Any, bucket: str, most_bytes: int) -> None:  # noqa: ANN401 - the libraries'
        super().__init__(chan)
        self.supplier: str = chan.get_extra_info("username")
        self.s3 = s3
        self.bucket = bucket
        self.most_bytes = most_bytes

    async def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:  # noqa: ARG002 - asyncssh's
        """Open a file, to be written anew or to be read."""
        if pflags == FXF_READ:
            return await self._fetch(self._key(path))
        if pflags == FXF_WRITE | FXF_CREAT | FXF_TRUNC:
            return Upload(self._writable(path))
        raise asyncssh.SFTPOpUnsupported("a file is read, or written anew and whole")

    def read(self, file_obj: Any, offset: int, size: int) -> bytes:  # noqa: ANN401 - what `open` returned
        """Read of a file that is open for it."""
        if isinstance(file_obj, Upload):
            raise asyncssh.SFTPPermissionDenied("the file is open for writing")
        file_obj.seek(offset)
        read: bytes = file_obj.read(size)
        return read

    def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Write to a file that is open for it."""
        if not isinstance(file_obj, Upload):
            raise asyncssh.SFTPPermissionDenied("the file is open for reading")
        return file_obj.write(offset, data, self.most_bytes)

    async def close(self, file_obj: Any) -> None:  # noqa: ANN401 - as above
        """Close a file; one that was written becomes an object."""
        if not isinstance(file_obj, Upload):
            file_obj.close()
            return
        with file_obj.file as file:
            # asyncssh closes by this call also what a lost client left open: while it handles what ended the session.
            if sys.exc_info()[0] is None:
                file_obj.check()
                file.seek(0)
                await self._ask("put_object", Key=file_obj.key, Body=file)

    async def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        """Tell a file or a folder."""
        if _parts(path) in {(), (IN,), (OUT,)}:
            return _of_folder()
        try:
            found = await self._ask("head_object", Key=self._key(path))
        except asyncssh.SFTPNoSuchFile:
            await self._list(path)
            return _of_folder()
        return _of_file(found["ContentLength"], found["LastModified"].timestamp())

    lstat = stat

    def fstat(self, file_obj: Any) -> asyncssh.SFTPAttrs:  # noqa: ANN401 - as above
        """Tell a file that is open."""
        return _of_file(file_obj.size if isinstance(file_obj, Upload) else os.fstat(file_obj.fileno()).st_size)

    async def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        """List a folder."""
        found = await self._list(path) if _parts(path) else {IN: _of_folder(), OUT: _of_folder()}
        for name, attrs in sorted(found.items()):
            yield asyncssh.SFTPName(name.encode(), attrs=attrs)

    async def remove(self, path: bytes) -> None:
        """Delete a file."""
        key = self._writable(path)
        await self._ask("head_object", Key=key)
        await self._ask("delete_object", Key=key)

    async def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Give a file another name, over one that may have it."""
        old, new = self._writable(oldpath), self._writable(newpath)
        await self._ask("head_object", Key=old)
        if old != new:  # S3 copies nothing onto itself, and the delete would be of the only one
            await self._ask("copy_object", Key=new, CopySource={"Bucket": self.bucket, "Key": old})
            await self._ask("delete_object", Key=old)

    posix_rename = rename

    async def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:  # noqa: ARG002 - asyncssh's
        """Make a folder's marker."""
        await self._ask("put_object", Key=f"{self._writable(path)}/", Body=b"")

    async def rmdir(self, path: bytes) -> None:
        """Delete the marker of a folder with nothing in it."""
        key = f"{self._writable(path)}/"
        if await self._list(path):
            raise asyncssh.SFTPFailure("the folder is not empty")
        await self._ask("delete_object", Key=key)

    def realpath(self, path: bytes) -> bytes:
        """Write a path from the root of the home."""
        return f"/{'/'.join(_parts(path))}".encode()

    def _unsupported(self, *_: object) -> None:
        raise asyncssh.SFTPOpUnsupported("S3 has nothing of the kind")

    _no: Any = _unsupported
    map_path = reverse_map_path = open56 = setstat = lsetstat = fsetstat = readlink = symlink = link = _no
    lock = unlock = statvfs = fstatvfs = fsync = _no

    def _key(self, path: bytes) -> str:
        """Tell the object, or without its last slash the prefix, of a path in /in or /out."""
        parts = _parts(path)
        if not parts or parts[0] not in {IN, OUT}:
            raise asyncssh.SFTPNoSuchFile("there are only /in and /out")
        return "/".join([parts[0], self.supplier, *parts[1:]])

    def _writable(self, path: bytes) -> str:
        parts = _parts(path)
        if parts[:1] != (IN,) or len(parts) == 1:
            raise asyncssh.SFTPPermissionDenied("only what is in /in can be written")
        return self._key(path)

    async def _fetch(self, key: str) -> IO[bytes]:
        found = await self._ask("get_object", Key=key)
        file = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as the client has it open
        try:
            await _call(shutil.copyfileobj, found["Body"], file)
            file.flush()  # `fstat` asks the system
        except BaseException:
            file.close()
            raise
        return file

    async def _list(self, path: bytes) -> dict[str, asyncssh.SFTPAttrs]:
        """List a folder of the bucket. Raises SFTPNoSuchFile when nothing is under it, not even its marker."""
        prefix = f"{self._key(path)}/"
        found: dict[str, asyncssh.SFTPAttrs] = {}
        page: dict[str, Any] = {"NextContinuationToken": None}
        while "NextContinuationToken" in page:
            more = {"ContinuationToken": token} if (token := page["NextContinuationToken"]) else {}
            page = await self._ask("list_objects_v2", Prefix=prefix, Delimiter="/", **more)
            for each in page.get("CommonPrefixes", []):
                found[each["Prefix"].removeprefix(prefix).rstrip("/")] = _of_folder()
            for each in page.get("Contents", []):
                found[each["Key"].removeprefix(prefix)] = _of_file(each["Size"], each["LastModified"].timestamp())
        if not found and len(_parts(path)) > 1:
            raise asyncssh.SFTPNoSuchFile("no such file or folder")
        found.pop("", None)  # the folder's own marker
        return found

    async def _ask(self, call: str, **about: object) -> Any:  # noqa: ANN401 - boto3's answers
        return await _call(partial(getattr(self.s3, call), Bucket=self.bucket, **about))


@dataclass(eq=False)
class Gate(asyncssh.SSHServer):
    """Lets a supplier in by its own key; asyncssh offers no password or the like that is not asked for here."""

    suppliers: Mapping[str, str]
    connections: set[asyncssh.SSHServerConnection]

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Note a connection, to cut it when the server stops."""
        self.connections.add(conn)

    def public_key_auth_supported(self) -> bool:
        """Take keys."""
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether a key is the user's."""
        line = self.suppliers.get(username)
        return line is not None and asyncssh.import_public_key(line).public_data == key.public_data


@contextmanager
def serving(
    connect_s3: Callable[[], Any],
    bucket: str,
    suppliers: Mapping[str, str],
    host_key: Path,
    most_bytes: int = MOST_BYTES,
) -> Iterator[tuple[str, int]]:
    """Serve suppliers (name -> public key line) while the block runs, then cut them off; give host and port.

    The host key is made where there is none. Raises ValueError for a name or a key that cannot be.
    """
    for supplier, line in suppliers.items():
        if not SUPPLIER.fullmatch(supplier) or asyncssh.import_public_key(line).get_algorithm() != ALGORITHM:
            raise ValueError(f"{supplier} cannot be let in: a name is {SUPPLIER.pattern}, a key {ALGORITHM}")
    make_key(host_key)
    started: Started = Future()
    home = partial(Home, s3=connect_s3(), bucket=bucket, most_bytes=most_bytes)
    work = partial(_serve, home, suppliers, host_key, started)
    thread = threading.Thread(target=lambda: asyncio.run(work()), name="sftp", daemon=True)
    thread.start()
    port, stop = started.result()
    try:
        yield HOST, port
    finally:
        stop()
        thread.join()


async def _serve(home: Callable[..., Home], suppliers: Mapping[str, str], host_key: Path, started: Started) -> None:
    connections: set[asyncssh.SSHServerConnection] = set()
    try:
        acceptor = await asyncssh.listen(
            HOST,
            0,
            server_factory=lambda: Gate(suppliers, connections),
            sftp_factory=home,
            server_host_keys=[str(host_key)],
            signature_algs=[ALGORITHM],
            gss_host=None,
            agent_forwarding=False,
        )
    except BaseException as error:  # noqa: BLE001 - it is told in the other thread
        started.set_exception(error)
        return
    over = asyncio.Event()
    started.set_result((acceptor.get_port(), partial(asyncio.get_running_loop().call_soon_threadsafe, over.set)))
    await over.wait()
    acceptor.close()
    for each in connections:
        each.abort()
    if left := asyncio.all_tasks() - {asyncio.current_task()}:
        await asyncio.wait(left, timeout=STOPS_WITHIN_SECONDS)


async def _call(work: Callable[..., Any], *args: object) -> Any:  # noqa: ANN401 - boto3's answers
    """Do what waits for S3 in a thread, so that nobody else waits. Raises SFTPNoSuchFile, SFTPFailure."""
    try:
        return await asyncio.to_thread(work, *args)
    except ClientError as error:
        if (code := error.response["Error"]["Code"]) in ABSENT:
            raise asyncssh.SFTPNoSuchFile("no such file") from error
        raise asyncssh.SFTPFailure(f"S3 refused it: {code}") from error
    except BotoCoreError as error:
        raise asyncssh.SFTPFailure(f"S3 cannot be asked: {type(error).__name__}") from error


def _parts(path: bytes) -> tuple[str, ...]:
    """Tell the names of a path from the root of the home, which `..` does not leave."""
    try:
        text = path.decode()
    except UnicodeDecodeError as error:
        raise asyncssh.SFTPFailure("a name is UTF-8") from error
    if NOT_IN_A_NAME.search(text):
        raise asyncssh.SFTPFailure("a name has neither control characters nor #")
    return tuple(part for part in posixpath.normpath(f"/{text}").split("/") if part)


def _of_file(size: int, at: float | None = None) -> asyncssh.SFTPAttrs:
    return asyncssh.SFTPAttrs(size=size, permissions=stat.S_IFREG | 0o644, atime=at, mtime=at)


def _of_folder() -> asyncssh.SFTPAttrs:
    return asyncssh.SFTPAttrs(permissions=stat.S_IFDIR | 0o755)
