"""The way of sending of each source, as the rules say; connections and tokens are kept as long as the process lives."""

from __future__ import annotations

from functools import cache, partial

from shared.domain.rules import Source
from shared.domain.sending_rules import WrittenAs
from shared.runtime import clients, clock, secrets
from shared.runtime.settings import settings
from shared.suppliers.contract import Way
from shared.suppliers.email_ses import EmailSes
from shared.suppliers.file_drop import FileDrop
from shared.suppliers.https_json import HttpsJson, Token
from shared.suppliers.sftp_put import SftpPut

FILES = {
    WrittenAs.CSV: (".csv", "text/csv"),
    WrittenAs.X12: (".edi", "application/edi-x12"),
    WrittenAs.JSON: (".json", "application/json"),
}


@cache
def _tokens() -> dict[str, Token]:
    return {}


def of(source: Source) -> Way:
    """Return how a source is sent to."""
    sending = source.send_by
    if sending.api:
        secret = partial(secrets.supplier_secret, source.source)
        return HttpsJson(sending.api, secret, clock.now, _tokens())
    if sending.mail:
        return EmailSes(clients.ses_once(), sending.mail)
    folder = FileDrop(clients.s3_once(), settings().files_bucket, *FILES[sending.written_as])
    if sending.connector:
        return SftpPut(folder, clients.transfer_once(), sending.connector)
    return folder
