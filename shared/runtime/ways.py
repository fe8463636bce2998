"""The way of sending of each source, as the rules say; connections and tokens are kept as long as the process lives."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache, partial
from typing import TYPE_CHECKING

from shared.domain.names import SourceId
from shared.domain.rules import Source
from shared.domain.sending_rules import WrittenAs
from shared.runtime import clients, clock, secrets
from shared.runtime.settings import settings
from shared.suppliers.contract import Way
from shared.suppliers.email_ses import EmailSes
from shared.suppliers.file_drop import FileDrop
from shared.suppliers.https_json import HttpsJson, Token
from shared.suppliers.sftp_put import SftpPut

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_sesv2 import SESV2Client
    from mypy_boto3_transfer import TransferClient

FILES = {
    WrittenAs.CSV: (".csv", "text/csv"),
    WrittenAs.X12: (".edi", "application/edi-x12"),
    WrittenAs.JSON: (".json", "application/json"),
}


@dataclass(slots=True, kw_only=True)
class Ways:
    """The ways of one stack, each connected when a source needs it. All clients must ask once."""

    bucket: str
    s3: Callable[[], S3Client]
    ses: Callable[[], SESV2Client]
    transfer: Callable[[], TransferClient]
    secret: Callable[[SourceId], Mapping[str, str]]
    tokens: dict[str, Token] = field(default_factory=dict, repr=False)

    def of(self, source: Source) -> Way:
        """Return how a source is sent to."""
        sending = source.send_by
        if sending.api:
            return HttpsJson(sending.api, partial(self.secret, source.source), clock.now, self.tokens)
        if sending.mail:
            return EmailSes(self.ses(), sending.mail)
        return self.folder(source)

    def folder(self, source: Source) -> FileDrop | SftpPut:
        """Return where files for a source are put: its folder here, or its own server."""
        sending = source.send_by
        kept = FileDrop(self.s3(), self.bucket, *FILES[sending.written_as])
        return SftpPut(kept, self.transfer(), sending.connector) if sending.connector else kept


@cache
def ways() -> Ways:
    """Return those of this process."""
    return Ways(
        bucket=settings().files_bucket,
        s3=clients.s3_once,
        ses=clients.ses_once,
        transfer=clients.transfer_once,
        secret=secrets.supplier_secret,
    )


def of(source: Source) -> Way:
    """Return how a source is sent to."""
    return ways().of(source)


def folder(source: Source) -> FileDrop | SftpPut:
    """Return where files for a source are put."""
    return ways().folder(source)
