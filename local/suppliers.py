"""The suppliers' side of a local cloud: an SFTP server over its bucket, and each supplier's own key and client."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from local import sftp, sftp_client
from local.cloud import Cloud, Failure
from local.sftp_client import Address

FOLDER = "sftp"
RECORD = "address.json"


@dataclass(frozen=True)
class Suppliers:
    """Where the server is, and the folder of the suppliers' keys."""

    there: Address
    keys: Path

    def send(self, supplier: str, name: str, body: bytes) -> None:
        """Put a file as most clients do: under a name that says it is on its way, then rename it."""
        sftp_client.put(self.there, supplier, self.keys / supplier, body, name)

    def send_half(self, supplier: str, name: str, body: bytes) -> None:
        """Put half of a file; then the line is cut."""
        sftp_client.put_cut(self.there, supplier, self.keys / supplier, body, name, len(body) // 2)

    def purchase_orders(self, supplier: str) -> list[str]:
        """List what lies ready for a supplier."""
        names = sftp_client.listdir(self.there, supplier, self.keys / supplier, "/out")
        return sorted(name for name in names if name.startswith("PO-"))

    def read(self, supplier: str, name: str) -> bytes:
        """Fetch a file that lies ready for a supplier."""
        return sftp_client.get(self.there, supplier, self.keys / supplier, name)


@contextmanager
def serving(cloud: Cloud, names: Iterable[str]) -> Iterator[Suppliers]:
    """Serve these suppliers while the block runs; keys are made once and kept with the cloud's state."""
    keys = cloud.state / FOLDER
    keys.mkdir(parents=True, exist_ok=True)
    known = {name: sftp_client.make_key(keys / name) for name in names}
    host_key = keys / "host"
    with sftp.serving(partial(cloud.client, "s3"), cloud.outputs["FilesBucket"], known, host_key) as (host, port):
        there = Address(host, port, sftp_client.make_key(host_key))
        (keys / RECORD).write_text(json.dumps(asdict(there)))
        yield Suppliers(there, keys)


def waiting(cloud: Cloud, supplier: str) -> bool:
    """Answer whether a file of a supplier is not read yet."""
    bucket = cloud.outputs["FilesBucket"]
    return bool(cloud.client("s3").list_objects_v2(Bucket=bucket, Prefix=f"in/{supplier}/").get("Contents"))


def of(cloud: Cloud) -> Suppliers:
    """Find the server that another process runs. Raises Failure when none was started."""
    keys = cloud.state / FOLDER
    try:
        return Suppliers(Address(**json.loads((keys / RECORD).read_text())), keys)
    except FileNotFoundError as error:
        raise Failure("no SFTP server was started with this cloud; start it with: make run") from error
