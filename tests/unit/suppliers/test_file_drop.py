from __future__ import annotations

import io
from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from shared.domain.names import SourceId
from shared.errors import Rejected, Transient
from shared.runtime import clients
from shared.suppliers.file_drop import FileDrop

ALPINA = SourceId("alpina")
NO_ANSWER = ReadTimeoutError(endpoint_url="http://127.0.0.1")


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": ""}}, "PutObject")


class Bucket:
    """Answers with what a test put in: an exception is raised, anything else is returned."""

    def __init__(self, *, put: Any = None, get: Any = b"", listed: Any = ()) -> None:  # noqa: ANN401
        self.put, self.get, self.listed = put, get, listed
        self.requests: list[dict[str, Any]] = []

    def _answer(self, request: dict[str, Any], answer: Any) -> Any:  # noqa: ANN401
        self.requests.append(request)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def put_object(self, **request: Any) -> Any:  # noqa: ANN401
        return self._answer(request, self.put)

    def get_object(self, **request: Any) -> Any:  # noqa: ANN401
        answer = self._answer(request, self.get)
        return {"Body": io.BytesIO(answer)}

    def list_objects_v2(self, **request: Any) -> Any:  # noqa: ANN401
        answer = self._answer(request, self.listed)
        return {"Contents": [{"Key": key} for key in answer]} if answer else {}


def drop(bucket: Bucket) -> FileDrop:
    return FileDrop(bucket, "files")  # type: ignore[arg-type]


def test_a_purchase_order_is_put_where_nothing_stands() -> None:
    bucket = Bucket()

    drop(bucket).send(ALPINA, "ALPINA-000123", b"order")

    assert bucket.requests == [
        {
            "Bucket": "files",
            "Key": "out/alpina/PO-ALPINA-000123.csv",
            "Body": b"order",
            "ContentType": "text/csv",
            "IfNoneMatch": "*",
        }
    ]


def test_a_cancel_has_a_name_of_its_own() -> None:
    bucket = Bucket()

    drop(bucket).send_cancel(ALPINA, "ALPINA-000123", b"cancel")

    assert bucket.requests[0]["Key"] == "out/alpina/PO-ALPINA-000123-cancel.csv"


def test_the_same_bytes_again_are_sent() -> None:
    drop(Bucket(put=refusal("PreconditionFailed"), get=b"order")).send(ALPINA, "1", b"order")


def test_other_bytes_under_a_number_are_refused() -> None:
    with pytest.raises(Rejected):
        drop(Bucket(put=refusal("PreconditionFailed"), get=b"foreign")).send(ALPINA, "1", b"order")


@pytest.mark.parametrize(
    ("_case", "bucket"),
    [
        ("no answer", Bucket(put=NO_ANSWER)),
        ("an error that says nothing of the file", Bucket(put=refusal("InternalError"))),
        ("another put of it is under way", Bucket(put=refusal("ConditionalRequestConflict"))),
        ("there, and cannot be read", Bucket(put=refusal("PreconditionFailed"), get=NO_ANSWER)),
        ("there, and may not be read", Bucket(put=refusal("PreconditionFailed"), get=refusal("AccessDenied"))),
    ],
)
def test_a_send_that_nobody_knows_of_is_told_as_such(_case: str, bucket: Bucket) -> None:
    with pytest.raises(Transient):
        drop(bucket).send(ALPINA, "1", b"order")


@pytest.mark.parametrize(
    ("_case", "bucket", "is_there"),
    [
        ("there", Bucket(listed=["out/alpina/PO-1.csv"], get=b"order"), True),
        ("absent", Bucket(), False),
        ("another name begins like it", Bucket(listed=["out/alpina/PO-1.csv.part"], get=b"order"), False),
        ("other bytes", Bucket(listed=["out/alpina/PO-1.csv"], get=b"foreign"), False),
    ],
)
def test_a_file_is_looked_for_by_its_name(_case: str, bucket: Bucket, *, is_there: bool) -> None:
    assert drop(bucket).has(ALPINA, "1", b"order") is is_there
    assert bucket.requests[0]["Prefix"] == "out/alpina/PO-1.csv"


@pytest.mark.parametrize(
    "bucket", [Bucket(listed=NO_ANSWER), Bucket(listed=refusal("AccessDenied")), Bucket(listed=refusal("SlowDown"))]
)
def test_who_cannot_be_asked_is_not_absent(bucket: Bucket) -> None:
    with pytest.raises(Transient):
        drop(bucket).has(ALPINA, "1", b"order")


def test_a_send_ends_within_its_time_out() -> None:
    config: Any = clients.s3_once().meta.config
    a_call = timedelta(seconds=config.connect_timeout + config.read_timeout)

    assert config.retries == {"total_max_attempts": 1, "mode": "legacy"}
    assert 2 * a_call < drop(Bucket()).times_out  # the put, and the read of what stands there
