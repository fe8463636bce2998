"""The SFTP server gives each supplier its own home over the bucket, and never half a file."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import asyncssh
import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from local.sftp import Home, Upload, serving
from local.sftp_client import Address, connected, get, listdir, make_key, put, put_cut, session

BUCKET = "truestock-files"
MOST_BYTES = 1_000_000
WAITS_SECONDS = 10


@dataclass
class S3:
    """The bucket's client, which waits or fails as a test asks it to."""

    client: Any
    raises: dict[str, Exception] = field(default_factory=dict)
    waits: dict[str, threading.Event] = field(default_factory=dict)
    waiting: threading.Event = field(default_factory=threading.Event)
    page: int = 1000

    def __getattr__(self, call: str) -> Callable[..., Any]:
        def answer(**about: Any) -> Any:  # noqa: ANN401 - boto3's
            if (key := about.get("Key")) in self.waits:
                self.waiting.set()
                self.waits[key].wait(WAITS_SECONDS)
            if call == "list_objects_v2":
                about["MaxKeys"] = self.page
            if call in self.raises:
                raise self.raises[call]
            return getattr(self.client, call)(**about)

        return answer


@dataclass(frozen=True)
class Shelf:
    """A running server: its suppliers' private keys lie in a folder, named like them."""

    there: Address
    keys: Path
    s3: S3

    def key(self, name: str) -> Path:
        return self.keys / name

    def files(self) -> dict[str, bytes]:
        found = self.s3.client.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        return {each["Key"]: self.read(each["Key"]) for each in found}

    def read(self, key: str) -> bytes:
        body: bytes = self.s3.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        return body

    def lay(self, key: str, body: bytes) -> None:
        self.s3.client.put_object(Bucket=BUCKET, Key=key, Body=body)

    def as_alpina(self, work: Callable[[asyncssh.SFTPClient], Any]) -> Any:  # noqa: ANN401 - what the work returns
        async def run() -> Any:  # noqa: ANN401 - as above
            async with session(self.there, "alpina", self.key("alpina")) as sftp:
                return await work(sftp)

        return asyncio.run(asyncio.wait_for(run(), 3 * WAITS_SECONDS))


@pytest.fixture
def s3() -> Iterator[S3]:
    with mock_aws():
        s3 = S3(boto3.client("s3"))  # noqa: TID251 - no function's
        s3.client.create_bucket(Bucket=BUCKET)
        yield s3


@contextmanager
def opened(folder: Path, s3: S3) -> Iterator[Shelf]:
    suppliers = {name: make_key(folder / name) for name in ("alpina", "baltic")}
    make_key(folder / "stranger")
    with serving(lambda: s3, BUCKET, suppliers, folder / "host_key", MOST_BYTES) as (host, port):
        yield Shelf(Address(host, port, make_key(folder / "host_key")), folder, s3)


@pytest.fixture
def shelf(tmp_path: Path, s3: S3) -> Iterator[Shelf]:
    with opened(tmp_path, s3) as shelf:
        yield shelf


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Tell when the server is through with a session."""
    event = threading.Event()
    monkeypatch.setattr(Home, "exit", lambda _: event.set())
    return event


def test_what_a_supplier_puts_is_an_object_under_its_own_prefix(shelf: Shelf) -> None:
    put(shelf.there, "alpina", shelf.key("alpina"), b"sku;units\r\n", "stock.csv", part=False)

    assert shelf.files() == {"in/alpina/stock.csv": b"sku;units\r\n"}


def test_a_file_put_as_part_and_renamed_comes_whole_and_under_its_name_only(shelf: Shelf) -> None:
    body = os.urandom(300_000)

    put(shelf.there, "alpina", shelf.key("alpina"), body, "stock.csv")

    assert shelf.files() == {"in/alpina/stock.csv": body}


def test_a_part_that_is_not_yet_renamed_is_an_object_of_its_own_name(shelf: Shelf) -> None:
    put(shelf.there, "alpina", shelf.key("alpina"), b"1", "stock.csv.part", part=False)

    assert shelf.files() == {"in/alpina/stock.csv.part": b"1"}


def test_a_file_of_no_bytes_is_an_object_of_no_bytes(shelf: Shelf) -> None:
    put(shelf.there, "alpina", shelf.key("alpina"), b"", "alive.csv")

    assert shelf.files() == {"in/alpina/alive.csv": b""}


@pytest.mark.parametrize("way", ["rename", "posix_rename"])
def test_a_name_that_is_taken_goes_to_the_newer_file(way: str, shelf: Shelf) -> None:
    shelf.lay("in/alpina/stock.csv", b"old")
    shelf.lay("in/alpina/new.csv", b"new")

    shelf.as_alpina(lambda sftp: getattr(sftp, way)("/in/new.csv", "/in/stock.csv"))

    assert shelf.files() == {"in/alpina/stock.csv": b"new"}


def test_a_file_renamed_to_its_own_name_is_still_there(shelf: Shelf) -> None:
    shelf.lay("in/alpina/stock.csv", b"1")

    shelf.as_alpina(lambda sftp: sftp.posix_rename("/in/stock.csv", "/in/../in/stock.csv"))

    assert shelf.files() == {"in/alpina/stock.csv": b"1"}


def test_a_cut_connection_leaves_no_object(shelf: Shelf, ended: threading.Event) -> None:
    put_cut(shelf.there, "alpina", shelf.key("alpina"), b"x" * 200_000, "stock.csv", after_bytes=150_000)

    assert ended.wait(WAITS_SECONDS)
    assert shelf.files() == {}


def test_a_session_that_ends_with_a_file_open_leaves_no_object(shelf: Shelf, ended: threading.Event) -> None:
    async def leave(sftp: asyncssh.SFTPClient) -> None:
        file = await sftp.open("/in/stock.csv", "wb")
        await file.write(b"half")

    shelf.as_alpina(leave)

    assert ended.wait(WAITS_SECONDS)
    assert shelf.files() == {}


def servers() -> set[threading.Thread]:
    """List the servers that run in this process; another suite's local cloud may have one."""
    return {thread for thread in threading.enumerate() if thread.name == "sftp"}


def test_a_server_that_stops_cuts_its_sessions_and_leaves_no_half_file(tmp_path: Path, s3: S3) -> None:
    others = servers()
    server = ExitStack()
    shelf = server.enter_context(opened(tmp_path, s3))
    assert servers() > others

    async def stop(sftp: asyncssh.SFTPClient) -> None:
        file = await sftp.open("/in/stock.csv", "wb")
        await file.write(b"half")
        await asyncio.to_thread(server.close)
        with pytest.raises(asyncssh.SFTPError, match="Connection"):
            await file.write(b"whole")

    shelf.as_alpina(stop)

    assert shelf.files() == {}
    assert servers() == others


def test_a_server_keeps_its_host_key(tmp_path: Path, s3: S3) -> None:
    with opened(tmp_path, s3) as first:
        pass
    with opened(tmp_path, s3) as second:
        put(
            Address(second.there.host, second.there.port, first.there.host_key),
            "alpina",
            second.key("alpina"),
            b"1",
            "a",
        )

    assert second.files() == {"in/alpina/a": b"1"}


@pytest.mark.parametrize(
    ("_case", "user", "key"),
    [
        ("a key that nobody has", "alpina", "stranger"),
        ("another supplier's key", "alpina", "baltic"),
        ("a user that is unknown", "nobody", "alpina"),
    ],
)
def test_who_does_not_have_the_supplier_s_key_is_not_let_in(_case: str, user: str, key: str, shelf: Shelf) -> None:
    with pytest.raises(asyncssh.PermissionDenied):
        listdir(shelf.there, user, shelf.key(key), "/")


def test_a_key_is_the_only_way_in(shelf: Shelf) -> None:
    async def offered() -> set[str]:
        given = await asyncssh.get_server_auth_methods(shelf.there.host, shelf.there.port, "alpina", config=None)
        return set(given)

    assert asyncio.run(offered()) == {"publickey"}


def test_a_server_with_another_host_key_is_not_believed(shelf: Shelf, tmp_path: Path) -> None:
    other = Address(shelf.there.host, shelf.there.port, make_key(tmp_path / "other_host_key"))

    with pytest.raises(asyncssh.HostKeyNotVerifiable):
        put(other, "alpina", shelf.key("alpina"), b"1", "stock.csv")


@pytest.mark.parametrize("command", [None, "ls", "scp -t /in"])
def test_there_is_nothing_but_sftp(command: str | None, shelf: Shelf) -> None:
    async def run() -> None:
        async with connected(shelf.there, "alpina", shelf.key("alpina")) as connection:
            with pytest.raises(asyncssh.ChannelOpenError):
                await connection.run(command)

    asyncio.run(run())


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("../../baltic/in/x.csv", asyncssh.SFTPPermissionDenied),
        ("../baltic/x.csv", asyncssh.SFTPPermissionDenied),
        ("../in/../../in/../baltic/x.csv", asyncssh.SFTPPermissionDenied),
        ("/in/baltic/../../out/baltic/x.csv", asyncssh.SFTPPermissionDenied),
        ("/etc/passwd", asyncssh.SFTPPermissionDenied),
        ("/x.csv", asyncssh.SFTPPermissionDenied),
        ("/in", asyncssh.SFTPPermissionDenied),
        ("/", asyncssh.SFTPPermissionDenied),
        ("/out/x.csv", asyncssh.SFTPPermissionDenied),
        ("/out/reports/x.csv", asyncssh.SFTPPermissionDenied),
        ("x#1.csv", asyncssh.SFTPFailure),
        ("x\n.csv", asyncssh.SFTPFailure),
        ("x\0.csv", asyncssh.SFTPFailure),
    ],
)
def test_a_supplier_writes_nowhere_but_in_its_own_folder(name: str, error: type[Exception], shelf: Shelf) -> None:
    with pytest.raises(error):
        put(shelf.there, "alpina", shelf.key("alpina"), b"1", name, part=False)

    assert shelf.files() == {}


def test_a_path_that_climbs_past_the_root_stays_in_the_home(shelf: Shelf) -> None:
    put(shelf.there, "alpina", shelf.key("alpina"), b"1", "../../../in/./stock.csv")

    assert shelf.files() == {"in/alpina/stock.csv": b"1"}


@pytest.mark.parametrize(
    "name",
    [
        "/in/baltic/stock.csv",
        "/../in/baltic/stock.csv",
        "../baltic/PO-1.csv",
        "/etc/passwd",
        "../in/../baltic/stock.csv",
    ],
)
def test_a_supplier_reads_nothing_of_another_one(name: str, shelf: Shelf) -> None:
    shelf.lay("in/baltic/stock.csv", b"theirs")
    shelf.lay("out/baltic/PO-1.csv", b"theirs")

    with pytest.raises(asyncssh.SFTPNoSuchFile):
        get(shelf.there, "alpina", shelf.key("alpina"), name)


def test_a_purchase_order_and_a_report_are_read(shelf: Shelf) -> None:
    order = os.urandom(200_000)
    shelf.lay("out/alpina/PO-1.csv", order)
    shelf.lay("out/alpina/reports/stock.txt", b"all of it")

    assert get(shelf.there, "alpina", shelf.key("alpina"), "PO-1.csv") == order
    assert get(shelf.there, "alpina", shelf.key("alpina"), "reports/stock.txt") == b"all of it"


@pytest.mark.parametrize(
    ("_case", "work"),
    [
        ("remove", lambda sftp: sftp.remove("/out/PO-1.csv")),
        ("rename", lambda sftp: sftp.rename("/out/PO-1.csv", "/out/PO-2.csv")),
        ("take", lambda sftp: sftp.posix_rename("/out/PO-1.csv", "/in/PO-1.csv")),
        ("give", lambda sftp: sftp.posix_rename("/in/stock.csv", "/out/PO-1.csv")),
        ("make a folder", lambda sftp: sftp.mkdir("/out/new")),
        ("remove a folder", lambda sftp: sftp.rmdir("/out/reports")),
        ("make a folder at the root", lambda sftp: sftp.mkdir("/new")),
        ("remove the root of its own", lambda sftp: sftp.rmdir("/in")),
    ],
)
def test_what_is_not_in_in_stays_as_it_is(_case: str, work: Callable[[asyncssh.SFTPClient], Any], shelf: Shelf) -> None:
    before = {"in/alpina/stock.csv": b"1", "out/alpina/PO-1.csv": b"2", "out/alpina/reports/": b""}
    for key, body in before.items():
        shelf.lay(key, body)

    with pytest.raises(asyncssh.SFTPPermissionDenied):
        shelf.as_alpina(work)

    assert shelf.files() == before


def test_a_supplier_removes_its_own_file_but_not_one_that_is_not_there(shelf: Shelf) -> None:
    shelf.lay("in/alpina/stock.csv", b"1")

    shelf.as_alpina(lambda sftp: sftp.remove("/in/stock.csv"))

    assert shelf.files() == {}
    with pytest.raises(asyncssh.SFTPNoSuchFile):
        shelf.as_alpina(lambda sftp: sftp.remove("/in/stock.csv"))


def test_folders_list_their_own_files_over_several_pages(shelf: Shelf) -> None:
    shelf.s3.page = 2
    for name in ("in/alpina/a.csv", "in/alpina/b.csv", "in/alpina/c.csv", "in/alpina2/d.csv", "in/alpina/old/e.csv"):
        shelf.lay(name, b"1")

    assert listdir(shelf.there, "alpina", shelf.key("alpina"), "/") == ["in", "out"]
    assert listdir(shelf.there, "alpina", shelf.key("alpina"), "/in") == ["a.csv", "b.csv", "c.csv", "old"]
    assert listdir(shelf.there, "alpina", shelf.key("alpina"), "in/old") == ["e.csv"]
    assert listdir(shelf.there, "alpina", shelf.key("alpina"), "/out") == []
    with pytest.raises(asyncssh.SFTPNoSuchFile):
        listdir(shelf.there, "alpina", shelf.key("alpina"), "/in/new")


def test_files_are_listed_with_sizes_and_times(shelf: Shelf) -> None:
    shelf.lay("out/alpina/PO-1.csv", b"12345")
    shelf.lay("out/alpina/reports/stock.txt", b"1")

    found = {each.filename: each.attrs for each in shelf.as_alpina(lambda sftp: sftp.readdir("/out"))}

    assert {name: stat.S_ISDIR(attrs.permissions) for name, attrs in found.items()} == {
        "PO-1.csv": False,
        "reports": True,
    }
    assert found["PO-1.csv"].size == 5
    assert abs(found["PO-1.csv"].mtime - time.time()) < 60
    told = shelf.as_alpina(lambda sftp: sftp.stat("/out/PO-1.csv"))
    assert (told.size, told.mtime) == (5, found["PO-1.csv"].mtime)
    assert shelf.as_alpina(lambda sftp: sftp.isdir("/out/reports"))


def test_a_folder_is_a_marker_that_goes_only_when_nothing_is_in_it(shelf: Shelf) -> None:
    shelf.as_alpina(lambda sftp: sftp.mkdir("/in/old"))
    assert shelf.files() == {"in/alpina/old/": b""}

    put(shelf.there, "alpina", shelf.key("alpina"), b"1", "old/stock.csv")
    with pytest.raises(asyncssh.SFTPFailure, match="not empty"):
        shelf.as_alpina(lambda sftp: sftp.rmdir("/in/old"))
    shelf.as_alpina(lambda sftp: sftp.remove("/in/old/stock.csv"))
    shelf.as_alpina(lambda sftp: sftp.rmdir("/in/old"))

    assert shelf.files() == {}


def test_many_uploads_at_once_come_each_as_it_was_sent(shelf: Shelf) -> None:
    bodies = {(supplier, f"{n}.csv"): os.urandom(200_000) for supplier in ("alpina", "baltic") for n in range(4)}

    with ThreadPoolExecutor(len(bodies)) as pool:
        sent = [
            pool.submit(put, shelf.there, each[0], shelf.key(each[0]), body, each[1]) for each, body in bodies.items()
        ]
    for each in sent:
        each.result()

    assert shelf.files() == {f"in/{supplier}/{name}": body for (supplier, name), body in bodies.items()}


def test_a_slow_upload_keeps_nobody_waiting(shelf: Shelf) -> None:
    shelf.s3.waits["in/alpina/slow.csv"] = threading.Event()

    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(put, shelf.there, "alpina", shelf.key("alpina"), b"1", "slow.csv", part=False)
        assert shelf.s3.waiting.wait(WAITS_SECONDS)
        put(shelf.there, "baltic", shelf.key("baltic"), b"2", "quick.csv")
        assert shelf.files() == {"in/baltic/quick.csv": b"2"}
        shelf.s3.waits["in/alpina/slow.csv"].set()
        slow.result()

    assert shelf.files() == {"in/alpina/slow.csv": b"1", "in/baltic/quick.csv": b"2"}


@pytest.mark.parametrize(
    ("failure", "told"),
    [
        (ClientError({"Error": {"Code": "SlowDown"}}, "PutObject"), "S3 refused it: SlowDown"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), "S3 cannot be asked: EndpointConnectionError"),
    ],
)
def test_a_failure_of_s3_is_told_and_the_session_goes_on(failure: Exception, told: str, shelf: Shelf) -> None:
    async def try_twice(sftp: asyncssh.SFTPClient) -> None:
        shelf.s3.raises["put_object"] = failure
        file = await sftp.open("/in/stock.csv", "wb")
        await file.write(b"1")
        with pytest.raises(asyncssh.SFTPFailure, match=re.escape(told)):
            await file.close()
        shelf.s3.raises.clear()
        async with sftp.open("/in/again.csv", "wb") as again:
            await again.write(b"2")

    shelf.as_alpina(try_twice)

    assert shelf.files() == {"in/alpina/again.csv": b"2"}


def test_a_rename_that_s3_refuses_leaves_the_part_as_it_was(shelf: Shelf) -> None:
    shelf.s3.raises["copy_object"] = ClientError({"Error": {"Code": "SlowDown"}}, "CopyObject")

    with pytest.raises(asyncssh.SFTPFailure, match="SlowDown"):
        put(shelf.there, "alpina", shelf.key("alpina"), b"1", "stock.csv")

    assert shelf.files() == {"in/alpina/stock.csv.part": b"1"}


def test_a_file_over_the_limit_is_refused_whole_and_one_at_the_limit_is_not(shelf: Shelf) -> None:
    async def send(sftp: asyncssh.SFTPClient) -> None:
        file = await sftp.open("/in/large.csv", "wb")
        await file.write(b"x" * MOST_BYTES)
        for end in (file.write(b"x"), file.close()):
            with pytest.raises(asyncssh.SFTPFailure, match=f"at most {MOST_BYTES} bytes"):
                await end
        async with sftp.open("/in/full.csv", "wb") as full:
            await full.write(b"x" * MOST_BYTES)

    shelf.as_alpina(send)

    assert shelf.files() == {"in/alpina/full.csv": b"x" * MOST_BYTES}


def test_a_file_with_a_hole_is_refused(shelf: Shelf) -> None:
    async def send(sftp: asyncssh.SFTPClient) -> None:
        file = await sftp.open("/in/stock.csv", "wb")
        await file.write(b"1", 10)
        with pytest.raises(asyncssh.SFTPFailure, match="holes"):
            await file.close()

    shelf.as_alpina(send)

    assert shelf.files() == {}


def test_a_file_of_which_the_disk_did_not_take_all_is_refused() -> None:
    with open("/dev/full", "wb", buffering=0) as full:  # noqa: PTH123 - the plain call, without a buffer
        upload = Upload("in/alpina/stock.csv", full)

        with pytest.raises(OSError, match="No space left"):
            upload.write(0, b"1", MOST_BYTES)
        with pytest.raises(asyncssh.SFTPFailure, match="not all bytes"):
            upload.check()


def test_a_file_is_open_for_one_thing_only(shelf: Shelf) -> None:
    shelf.lay("in/alpina/stock.csv", b"1")

    async def mix(sftp: asyncssh.SFTPClient) -> None:
        async with sftp.open("/in/new.csv", "wb") as written, sftp.open("/in/stock.csv", "rb") as read:
            await written.write(b"2")
            with pytest.raises(asyncssh.SFTPPermissionDenied):
                await written.read(1, 0)
            with pytest.raises(asyncssh.SFTPPermissionDenied):
                await read.write(b"3")

    shelf.as_alpina(mix)

    assert shelf.files() == {"in/alpina/new.csv": b"2", "in/alpina/stock.csv": b"1"}


def test_a_name_that_is_not_utf_8_is_refused(shelf: Shelf) -> None:
    with pytest.raises(asyncssh.SFTPFailure, match="UTF-8"):
        shelf.as_alpina(lambda sftp: sftp.open(b"/in/\xff.csv", "wb"))


@pytest.mark.parametrize("mode", ["ab", "r+b", "w+b", "xb"])
def test_a_file_is_neither_changed_nor_added_to(mode: str, shelf: Shelf) -> None:
    shelf.lay("in/alpina/stock.csv", b"1")

    with pytest.raises(asyncssh.SFTPOpUnsupported):
        shelf.as_alpina(lambda sftp: sftp.open("/in/stock.csv", mode))


def test_nothing_that_would_touch_this_machine_s_files_is_left_to_the_library() -> None:
    harmless = {"channel", "connection", "env", "logger", "convert_attrs", "exit"}
    harmless |= {"format_user", "format_group", "format_longname"}

    served = {name for name in vars(asyncssh.SFTPServer) if not name.startswith("_")}

    assert served - set(vars(Home)) == harmless


@pytest.mark.parametrize(
    ("_case", "work"),
    [
        ("modes", lambda sftp: sftp.chmod("/in/stock.csv", 0o600)),
        ("links", lambda sftp: sftp.symlink("/etc/passwd", "/in/link")),
        ("hard links", lambda sftp: sftp.link("/etc/passwd", "/in/link")),
        ("what links point to", lambda sftp: sftp.readlink("/in/stock.csv")),
        ("free space", lambda sftp: sftp.statvfs("/in")),
    ],
)
def test_what_s3_does_not_have_is_unsupported(
    _case: str, work: Callable[[asyncssh.SFTPClient], Any], shelf: Shelf
) -> None:
    shelf.lay("in/alpina/stock.csv", b"1")

    with pytest.raises(asyncssh.SFTPOpUnsupported, match="S3 has nothing of the kind"):
        shelf.as_alpina(work)


@pytest.mark.parametrize(
    ("_case", "name", "kind"),
    [("a key of another kind", "alpina", "ecdsa-sha2-nistp256"), ("a name with a slash", "alpina/x", "ssh-ed25519")],
)
def test_a_supplier_that_transfer_family_would_refuse_is_refused(
    _case: str, name: str, kind: str, tmp_path: Path
) -> None:
    line = asyncssh.generate_private_key(kind).export_public_key().decode()

    with (
        pytest.raises(ValueError, match=f"{name} cannot be let in"),
        serving(lambda: None, BUCKET, {name: line}, tmp_path / "host_key"),
    ):
        pass


def test_a_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    line = make_key(tmp_path / "key")

    assert make_key(tmp_path / "key") == line
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["key"]


@pytest.mark.skipif(shutil.which("sftp") is None, reason="OpenSSH's sftp is not installed")
def test_openssh_puts_renames_lists_and_gets(shelf: Shelf, tmp_path: Path) -> None:
    body = os.urandom(500_000)
    (tmp_path / "stock.csv").write_bytes(body)
    (tmp_path / "known_hosts").write_text(f"[{shelf.there.host}]:{shelf.there.port} {shelf.there.host_key}\n")
    shelf.lay("out/alpina/PO-1.csv", b"an order")
    batch = """\
put stock.csv /in/stock.csv.part
rename /in/stock.csv.part /in/stock.csv
cd in
ls -l
get ../out/PO-1.csv
-put stock.csv /out/stock.csv
"""
    options = {"StrictHostKeyChecking": "yes", "UserKnownHostsFile": "known_hosts", "IdentitiesOnly": "yes"}
    command = ["sftp", "-F", "none", "-b", "-", "-i", "alpina", "-P", str(shelf.there.port)]
    command += [f"-o{name}={value}" for name, value in options.items()]

    done = subprocess.run(  # noqa: S603 - the test's own
        [*command, f"alpina@{shelf.there.host}"],
        cwd=tmp_path,
        input=batch,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert re.search(r"500000 .* stock\.csv$", done.stdout, re.MULTILINE)
    assert "Permission denied" in done.stderr
    assert (tmp_path / "PO-1.csv").read_bytes() == b"an order"
    assert shelf.files() == {"in/alpina/stock.csv": body, "out/alpina/PO-1.csv": b"an order"}
