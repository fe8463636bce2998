"""Sends by a mail through SES.

A mail cannot be looked for: one whose answer is lost is for a person, and never sent again.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NoReturn

from botocore.exceptions import BotoCoreError, ClientError, EndpointConnectionError

from shared.domain.names import SourceId
from shared.domain.sending_rules import Mail
from shared.errors import Rejected, Transient
from shared.suppliers.contract import NotTaken

if TYPE_CHECKING:
    from mypy_boto3_sesv2 import SESV2Client

REFUSALS = frozenset({"MessageRejected", "BadRequestException", "NotFoundException"})
NOT_TAKEN = {
    "429": 60.0,
    "TooManyRequestsException": 60.0,
    "LimitExceededException": 3600.0,
    "AccountSuspendedException": 3600.0,
    "SendingPausedException": 3600.0,
    "MailFromDomainNotVerifiedException": 3600.0,
    "AccessDeniedException": 900.0,
}
"""Codes with which SES says that it sends nothing -> how long to wait."""


@dataclass(frozen=True, slots=True)
class EmailSes:
    """Mails one supplier; `body` is the whole message."""

    client: SESV2Client
    mail: Mail
    looks: bool = False
    cancels: bool = True
    times_out: timedelta = timedelta(seconds=5)
    lands_within: timedelta = timedelta(seconds=60)

    def send(self, source: SourceId, number: str, body: bytes) -> None:
        """Mail a purchase order. Raises Rejected, NotTaken, or Transient when nobody knows whether it went out."""
        del source, number  # the message says them
        try:
            self.client.send_email(
                FromEmailAddress=self.mail.sender,
                Destination={"ToAddresses": list(self.mail.to)},
                Content={"Raw": {"Data": body}},
            )
        except (ClientError, BotoCoreError) as error:
            _fail(error)

    def send_cancel(self, source: SourceId, number: str, body: bytes, request: str = "") -> None:
        """Mail a request to cancel one; fails as `send` does."""
        del request
        self.send(source, number, body)

    def has(self, source: SourceId, number: str, body: bytes) -> bool:
        """Say that nobody can be asked, by Transient."""
        raise Transient("a mail cannot be looked for", code="no_look", source=source, number=number, size=len(body))


def _fail(error: ClientError | BotoCoreError) -> NoReturn:
    code = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
    if code in REFUSALS:
        raise Rejected("the mail was refused", code="mail_refused", service_code=code) from error
    if code in NOT_TAKEN or isinstance(error, EndpointConnectionError):
        raise NotTaken(
            "no mail was sent", code="not_mailed", wait=NOT_TAKEN.get(code, 300.0), service_code=code
        ) from error
    raise Transient("nobody knows whether a mail went out", code="no_answer", service_code=code) from error
