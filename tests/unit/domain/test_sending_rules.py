from __future__ import annotations

from datetime import time, timedelta
from typing import Any

import pytest

from shared.domain import sending_rules
from shared.domain.places import Place
from shared.domain.sending_rules import AS_FILES, By, Limits, Mode, Sending, SignIn, WrittenAs
from shared.errors import InvalidInput

LINES = {"$lines": {"sku": "$supplier_sku", "n": "$supplier_units"}}
ORDER = {"po": "$number", "is_test": "$test", "lines": LINES, "to": {"name": "$ship_to.name"}}
API = {"url": "https://api.alpina.example/orders"}
HTTPS: dict[str, Any] = {"way": "https", "https": API, "json": {"order": ORDER}}
X12 = {"sender": "TRUESTOCK", "receiver": "ALPINA"}
CONNECTOR = {"connector": "c-0123456789abcdef0", "folder": "/inbound"}
MAIL: dict[str, Any] = {"way": "email", "email": {"from": "shop@shop.example", "to": ["orders@alpina.example"]}}


def parse(send_by: object) -> Sending:
    return sending_rules.parse(Place("source", {"send_by": send_by}), "send_by")


def https(**changes: Any) -> dict[str, Any]:  # noqa: ANN401
    return {**HTTPS, "https": API | changes}


@pytest.mark.parametrize("said", [None, "file"])
def test_a_source_is_sent_files_unless_it_says_otherwise(said: str | None) -> None:
    assert parse(said) is AS_FILES
    assert AS_FILES.limits.are_none


def test_an_api_is_read_with_all_its_settings() -> None:
    auth = {"kind": "signature", "header": "X-Sig", "over": "{timestamp}.{body}", "timestamp_header": "X-At"}
    cancel = {"po": "$number", "do": "$request"}
    settings = {
        "cancel_url": "https://a.example/c/{number}",
        "look_url": "https://a.example/o?po={number}",
        "auth": auth,
    }
    limits = {"at_once": 2, "a_minute": 60, "failures": 3, "rest_minutes": 5}
    more = {"json": {"order": ORDER, "cancel": cancel}, "limits": limits, "mode": "test", "unknown_hours": 4}

    read = parse(https(**settings) | more | {"cancel_minutes": 30})

    assert (read.by, read.written_as, read.mode) == (By.HTTPS, WrittenAs.JSON, Mode.TEST)
    assert read.api is not None
    assert (read.api.auth.kind, read.api.duplicates, read.api.look_url) == (
        SignIn.SIGNATURE,
        (409,),
        "https://a.example/o?po={number}",
    )
    assert read.limits == Limits(at_once=2, a_minute=60, failures=3, rests=timedelta(minutes=5))
    assert (read.unknown_for, read.cancels_within) == (timedelta(hours=4), timedelta(minutes=30))
    assert (read.order, read.cancel, read.name) == (ORDER, cancel, "https json test")


def test_mail_and_sftp_are_read() -> None:
    sftp = parse({"way": "sftp", "as": "x12", "sftp": CONNECTOR, "x12": X12})

    assert parse(MAIL).mail == sending_rules.Mail(sender="shop@shop.example", to=("orders@alpina.example",))
    assert (sftp.name, sftp.limits.failures) == ("sftp x12", 5)


@pytest.mark.parametrize(
    ("_case", "send_by", "at"),
    [
        ("no such way", {"way": "fax"}, "way"),
        ("another way's settings", {"way": "file", "email": {}}, "email"),
        ("a way that cannot be written so", {**MAIL, "as": "x12"}, "as"),
        ("a secret in the rules", https(auth={"kind": "key", "header": "X-Key", "key": "abc"}), "https.auth.key"),
        ("plain http", https(url="http://api.alpina.example"), "https.url"),
        ("a user in the URL", https(url="https://me:pw@a.example/"), "https.url"),
        ("the number as host", https(look_url="https://{number}.example/"), "https.look_url"),
        ("a look without the number", https(look_url="https://a.example/orders"), "https.look_url"),
        ("a path in the answer to no look", https(number_at="po"), "https.number_at"),
        ("a header that is two", https(idempotency_header="A: b"), "https.idempotency_header"),
        ("a cancel URL and nothing to say there", https(cancel_url="https://a.example/c"), "https.cancel_url"),
        (
            "a cancel and nowhere to say it",
            {**HTTPS, "json": {"order": ORDER, "cancel": {"a": "$number"}}},
            "cancel_url",
        ),
        ("a time-out that no function lives", https(timeout_seconds=30), "https.timeout_seconds"),
        ("a 500 as a duplicate", https(duplicates=[500]), "https.duplicates"),
        ("a signature of nothing", https(auth={"kind": "signature", "header": "S", "over": "x"}), "https.auth.over"),
        ("an unknown name", {**HTTPS, "json": {"order": ORDER | {"x": "$price"}}}, "json.order"),
        ("a line's name outside of lines", {**HTTPS, "json": {"order": ORDER | {"x": "$sku"}}}, "json.order"),
        ("no number", {**HTTPS, "json": {"order": {"lines": LINES}}}, "json.order"),
        ("no lines", {**HTTPS, "json": {"order": {"po": "$number"}}}, "json.order"),
        ("packs by our SKU", {**HTTPS, "json": {"order": {"po": "$number", "l": {"$lines": ["$sku"]}}}}, "json.order"),
        ("lines in lines", {**HTTPS, "json": {"order": {"a": {"$lines": {"b": LINES}}}}}, "json.order"),
        ("a fraction", {**HTTPS, "json": {"order": ORDER | {"x": 1.5}}}, "json.order"),
        ("a test that nothing says is one", {**MAIL, "mode": "test"}, "mode"),
        ("no address", {"way": "email", "email": {"from": "shop", "to": ["a@b.example"]}}, "email.from"),
        (
            "a header in an address",
            {"way": "email", "email": {"from": "a@b.example", "to": ["a@b.example\nBcc: c"]}},
            "to",
        ),
        ("nobody to mail to", {"way": "email", "email": {"from": "a@b.example", "to": []}}, "email.to"),
        ("no connector", {"way": "sftp", "sftp": {"connector": "c-1", "folder": "/in"}}, "sftp.connector"),
        ("a delimiter in a party", {"way": "file", "as": "x12", "x12": X12 | {"sender": "A*B"}}, "x12.sender"),
        ("a batch at no time", {"way": "file", "batch": {"at": []}}, "batch.at"),
        ("a batch at no such time", {"way": "file", "batch": {"at": ["25:00"]}}, "batch.at.0"),
        ("a batch of too many", {"way": "file", "batch": {"at": ["10:00"], "most": 101}}, "batch.most"),
        ("a batch for an API", {**HTTPS, "batch": {"at": ["10:00"]}}, "batch"),
        ("a batch, and hours", {"way": "file", "send": "business_hours", "batch": {"at": ["10:00"]}}, "batch"),
        ("an opening nobody waits for", {"way": "file", "opens": "08:00"}, "opens"),
        ("nothing at once", {"way": "file", "limits": {"at_once": 0}}, "limits.at_once"),
    ],
)
def test_nonsense_is_refused_with_its_place(_case: str, send_by: dict[str, Any], at: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        parse(send_by)

    assert str(refused.value.details["at"]).endswith(at)


def test_a_batch_is_read_with_its_times() -> None:
    read = parse({"way": "file", "batch": {"at": ["15:00", "10:00"], "most": 20}}).batch

    assert read == sending_rules.Batching(at=(time(15), time(10)), most=20)
