"""Sends by having a Transfer Family connector put a file onto the supplier's own SFTP server.

The file is first kept under its number, as `FileDrop` does; beside it a note says that a transfer is about to begin,
and then its id. A transfer is not done when it was begun: what has become of it is looked up by the id. Where a note
has none nobody knows, and a person asks the supplier: it may have taken the file away, so its absence says nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from shared.domain.names import SourceId
from shared.domain.sending_rules import Connector
from shared.errors import Rejected, Transient
from shared.suppliers import file_drop
from shared.suppliers.contract import NotTaken, UnderWay
from shared.suppliers.file_drop import FileDrop

if TYPE_CHECKING:
    from mypy_boto3_transfer import TransferClient

THROTTLED_WAIT_SECONDS = 60.0
UNAVAILABLE_WAIT_SECONDS = 300.0
REFUSALS = frozenset({"InvalidRequestException", "ResourceNotFoundException", "ValidationException"})
NOT_BEGUN = {
    "429": THROTTLED_WAIT_SECONDS,
    "ThrottlingException": THROTTLED_WAIT_SECONDS,
    "ServiceUnavailableException": UNAVAILABLE_WAIT_SECONDS,
    "AccessDeniedException": UNAVAILABLE_WAIT_SECONDS,
}
"""Codes with which the service says that it began nothing -> how long to wait."""


@dataclass(slots=True)
class SftpPut:
    """Starts transfers of the files of one source."""

    kept: FileDrop
    client: TransferClient
    connector: Connector
    looks: bool = True
    cancels: bool = True
    times_out: timedelta = timedelta(seconds=20)
    lands_within: timedelta = timedelta(minutes=3)

    def send(self, source: SourceId, number: str, body: bytes) -> None:
        """Start the transfer of a purchase order. Raises Rejected, NotTaken, Transient; UnderWay once it runs."""
        self.kept.send(source, number, body)
        self._start(source, number)

    def send_cancel(self, source: SourceId, number: str, body: bytes, request: str = "") -> None:
        """Start the transfer of a request to cancel one; what becomes of it, the supplier's answer says."""
        self.kept.send_cancel(source, number, body, request)
        self._begin(self.kept.key(source, file_drop.cancel_of(number, request)))

    def send_answer(self, source: SourceId, name: str, body: bytes) -> None:
        """Start the transfer of our answer to a file of theirs, which nobody answers."""
        self.kept.send_answer(source, name, body)
        self._begin(f"out/{source}/{name}")

    def has(self, source: SourceId, number: str, body: bytes) -> bool:
        """Answer whether the transfer put the file there; Transient while it runs, or when its id was lost."""
        if not self.kept.has(source, number, body):
            return False  # it is kept before anything is sent
        transfer = self._noted(source, number)
        if transfer is None:
            return False  # it is noted before a transfer begins
        if not transfer:
            raise Transient("the id of a transfer was lost", code="no_transfer")
        try:
            results = self.client.list_file_transfer_results(ConnectorId=self.connector.connector, TransferId=transfer)
        except (ClientError, BotoCoreError) as error:
            raise Transient("the transfers cannot be asked", code="transfer", error=type(error).__name__) from error
        states = {each["StatusCode"] for each in results["FileTransferResults"]}
        if states == {"COMPLETED"}:
            return True
        if states == {"FAILED"}:
            return False
        raise UnderWay("the transfer is not over", code="under_way")

    def _start(self, source: SourceId, number: str) -> None:
        self._note(source, number, "")
        transfer = self._begin(self.kept.key(source, number))
        self._note(source, number, transfer)
        raise UnderWay("the transfer is under way", code="under_way")

    def _note(self, source: SourceId, number: str, transfer: str) -> None:
        key = f"{self.kept.key(source, number)}.transfer"
        try:
            self.kept.client.put_object(Bucket=self.kept.bucket, Key=key, Body=transfer.encode())
        except (ClientError, BotoCoreError) as error:
            raise Transient("a transfer cannot be noted", code="transfer", error=type(error).__name__) from error

    def _noted(self, source: SourceId, number: str) -> str | None:
        """Read the id of the last transfer; empty where it was lost, None where none was about to begin."""
        at, key = self.kept.client, f"{self.kept.key(source, number)}.transfer"
        try:
            if not at.list_objects_v2(Bucket=self.kept.bucket, Prefix=key, MaxKeys=1).get("Contents"):
                return None
            return at.get_object(Bucket=self.kept.bucket, Key=key)["Body"].read().decode()
        except (ClientError, BotoCoreError) as error:
            raise Transient("a note cannot be read", code="transfer", error=type(error).__name__) from error

    def _begin(self, key: str) -> str:
        try:
            started = self.client.start_file_transfer(
                ConnectorId=self.connector.connector,
                SendFilePaths=[f"/{self.kept.bucket}/{key}"],
                RemoteDirectoryPath=self.connector.folder,
            )
        except (ClientError, BotoCoreError) as error:
            raise _ended(error) from error
        return started["TransferId"]


def _ended(error: ClientError | BotoCoreError) -> Rejected | Transient:
    """Say what an error means for the file."""
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    if code in REFUSALS:
        return Rejected("the connector refused it", code="connector_refused", service_code=code)
    if code in NOT_BEGUN:
        return NotTaken("no transfer was begun", code="not_begun", wait=NOT_BEGUN[code], service_code=code)
    return Transient("nobody knows whether a transfer runs", code="transfer", service_code=code)
