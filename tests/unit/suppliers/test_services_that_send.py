"""What the services' errors say of a mail and of a transfer."""

from __future__ import annotations

import io
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, ReadTimeoutError

from shared.domain.names import SourceId
from shared.domain.sending_rules import Connector, Mail
from shared.errors import AppError, Rejected, Transient
from shared.runtime import clients
from shared.suppliers.contract import NotTaken, UnderWay
from shared.suppliers.email_ses import EmailSes
from shared.suppliers.file_drop import FileDrop
from shared.suppliers.sftp_put import SftpPut

ALPINA = SourceId("alpina")
NO_ANSWER = ReadTimeoutError(endpoint_url="http://127.0.0.1")
UNREACHED = EndpointConnectionError(endpoint_url="http://127.0.0.1")
FILE = "out/alpina/PO-1.edi"


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "Send")


@dataclass
class Service:
    """SES, S3 and Transfer Family as one: it keeps files, and raises what a test put in."""

    raises: Exception | None = None
    state: str = "COMPLETED"
    files: dict[str, bytes] = field(default_factory=dict)
    calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def send_email(self, **request: Any) -> Any:  # noqa: ANN401
        return self._called("send_email", request)

    def start_file_transfer(self, **request: Any) -> Any:  # noqa: ANN401
        self._called("start_file_transfer", request)
        return {"TransferId": "transfer-7"}

    def list_file_transfer_results(self, **request: Any) -> Any:  # noqa: ANN401
        self._called("list_file_transfer_results", request)
        return {"FileTransferResults": [{"StatusCode": self.state}] if self.state else []}

    def put_object(self, *, Key: str, Body: bytes, **_: object) -> dict[str, Any]:  # noqa: N803 - the client's names
        self.files[Key] = Body
        return {}

    def get_object(self, *, Key: str, **_: object) -> dict[str, Any]:  # noqa: N803
        return {"Body": io.BytesIO(self.files[Key])}

    def list_objects_v2(self, *, Prefix: str, **_: object) -> dict[str, Any]:  # noqa: N803
        return {"Contents": [{"Key": key} for key in sorted(self.files) if key.startswith(Prefix)][:1]}

    def _called(self, name: str, request: dict[str, Any]) -> None:
        self.calls.append((name, request))
        if self.raises:
            raise self.raises


def ended(way: EmailSes | SftpPut) -> type[AppError] | None:
    try:
        way.send(ALPINA, "1", b"order")
    except AppError as failure:
        return type(failure)
    return None


def mail(service: Any) -> EmailSes:  # noqa: ANN401
    return EmailSes(service, Mail(sender="a@shop.example", to=("b@alpina.example",)))


def sftp(service: Any) -> SftpPut:  # noqa: ANN401
    return SftpPut(FileDrop(service, "files", ".edi"), service, Connector(connector="c-1", folder="/inbound"))


@pytest.mark.parametrize(
    ("raises", "kind"),
    [
        (None, None),
        (refusal("MessageRejected"), Rejected),
        (refusal("TooManyRequestsException"), NotTaken),
        (refusal("SendingPausedException"), NotTaken),
        (UNREACHED, NotTaken),
        (NO_ANSWER, Transient),
        (refusal("InternalServiceErrorException"), Transient),
    ],
)
def test_a_mail_ends_as_ses_says(raises: Exception | None, kind: type[AppError] | None) -> None:
    assert ended(mail(Service(raises))) is kind


def test_a_mail_cannot_be_looked_for() -> None:
    way = mail(Service())

    assert not way.looks
    with pytest.raises(Transient):
        way.has(ALPINA, "1", b"order")


@pytest.mark.parametrize(
    ("raises", "kind"),
    [
        (None, UnderWay),
        (refusal("ResourceNotFoundException"), Rejected),
        (refusal("ThrottlingException"), NotTaken),
        (NO_ANSWER, Transient),
        (refusal("InternalServiceError"), Transient),
    ],
)
def test_a_transfer_ends_as_the_service_says(raises: Exception | None, kind: type[AppError]) -> None:
    service = Service(raises)

    assert ended(sftp(service)) is kind
    assert service.calls == [
        (
            "start_file_transfer",
            {"ConnectorId": "c-1", "SendFilePaths": [f"/files/{FILE}"], "RemoteDirectoryPath": "/inbound"},
        )
    ]


@pytest.mark.parametrize(
    ("_case", "files", "state", "is_there"),
    [
        ("never kept", {}, "COMPLETED", False),
        ("kept, and no transfer was about to begin", {FILE: b"order"}, "COMPLETED", False),
        ("completed", {FILE: b"order", f"{FILE}.transfer": b"transfer-7"}, "COMPLETED", True),
        ("failed", {FILE: b"order", f"{FILE}.transfer": b"transfer-7"}, "FAILED", False),
        ("under way", {FILE: b"order", f"{FILE}.transfer": b"transfer-7"}, "IN_PROGRESS", UnderWay),
        ("forgotten by the service", {FILE: b"order", f"{FILE}.transfer": b"transfer-7"}, "", UnderWay),
        ("the id was lost", {FILE: b"order", f"{FILE}.transfer": b""}, "COMPLETED", Transient),
    ],
)
def test_a_transfer_is_looked_up_by_its_id(
    _case: str,
    files: dict[str, bytes],
    state: str,
    is_there: bool | type[AppError],  # noqa: FBT001 - an example's value
) -> None:
    way = sftp(Service(files=files, state=state))

    if isinstance(is_there, bool):
        assert way.has(ALPINA, "1", b"order") is is_there
    else:
        with pytest.raises(Transient) as failure:
            way.has(ALPINA, "1", b"order")
        assert type(failure.value) is is_there


def test_a_second_transfer_that_breaks_off_is_not_taken_for_the_first_that_failed() -> None:
    service = Service(files={FILE: b"order", f"{FILE}.transfer": b"transfer-1"}, raises=NO_ANSWER, state="FAILED")
    way = sftp(service)
    assert ended(way) is Transient
    service.raises = None

    with pytest.raises(Transient):
        way.has(ALPINA, "1", b"order")


def test_services_that_send_are_asked_once() -> None:
    for client in (clients.ses_once(), clients.transfer_once()):
        config: Any = client.meta.config
        assert config.retries["total_max_attempts"] == 1
