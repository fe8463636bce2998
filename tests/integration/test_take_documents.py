"""What suppliers answer, as files: each document whole and once, whatever is delivered again or breaks off."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from x12doctor import diagnose

from functions.ingest_files import handler
from shared.domain.answers import Says
from shared.domain.documents import ApplicationAdvice, Verdict
from shared.domain.facts import Product
from shared.domain.names import Sku
from shared.domain.purchase_orders import PoState
from shared.domain.scorecards import Score, score
from shared.domain.stock import UNTIL_COUNTED
from shared.flows.ingest_counts import Ingested
from shared.runtime.settings import settings
from shared.storage import facts, keys, offers, order_lists, purchase_orders
from shared.storage.scorecards import records
from tests.integration.conftest import Aws, LambdaContext, push_rules
from tests.support import trade, x12
from tests.support.document_files import (
    ANSWERS,
    ack,
    book,
    csv,
    drop,
    folders,
    golden,
    notice,
    objects,
    of,
    problems,
    reasons,
    row,
    run,
    seen,
    take,
)
from tests.support.documents import ALPINA, NUMBER, asked
from tests.support.faults import Crash, Faulty

NOW = trade.times_now()
TWO_LINES = {"NL-1001": 10, "NL-1002": 3}


# ---- golden files


def test_six_of_ten_are_accepted_the_rest_is_open_and_the_level_waits_for_its_count(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)

    counted = take(aws, "po.x12", golden("accepts_six_of_ten"))

    found = seen(aws)
    assert counted == {"DocumentApplied": 1, "DocumentsTaken": 1}
    assert (found.units("l1"), found.units("l2")) == ({"accepted": 6, "open": 4}, {"accepted": 3})
    assert found.po.state is PoState.ACKNOWLEDGED
    assert found.levels["NL-1001"].held_until == UNTIL_COUNTED
    assert not found.levels["NL-1002"].held_until
    assert found.order.excludes(trade.at("NL-1001", "alpina"))
    assert folders(aws) == ["done", "out"]


def test_a_997_answers_what_was_read(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    take(aws, "po.x12", golden("accepts_six_of_ten"))

    (text,) = [body for key, body in objects(aws).items() if key == "out/alpina/997-000000001.x12"]

    (answer,) = x12.received(text)
    assert answer.document is not None
    assert "AK1*PR*7~AK2*855*0001~AK5*A~AK9*A*1*1*1~" in text.decode()
    assert (answer.interchange.sender.strip(), answer.interchange.receiver.strip()) == ("SHOP", "SUPPLIER")


def test_a_file_delivered_again_is_answered_once_though_the_supplier_has_taken_the_997_away(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    message = drop(aws, "po.x12", golden("accepts_six_of_ten"))
    run(aws, message)
    assert "out/alpina/997-000000001.x12" in objects(aws)
    aws.s3.delete_object(Bucket=settings().files_bucket, Key="out/alpina/997-000000001.x12")
    before = seen(aws)

    assert run(aws, message).counted["DocumentRepeated"] == 1

    assert not any("997-" in key for key in objects(aws))
    assert seen(aws) == before


def test_a_shipment_is_a_parcel_of_its_order_that_its_tracking_finds(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)

    take(aws, "asn.x12", golden("ships_six"))

    found = seen(aws)
    assert found.units("l1") == {"shipped": 6, "sent": 4}
    parcel = aws.orders.get(keys.parcel(found.order.key, ALPINA, "1Z5R89390357567127"))
    assert parcel is not None
    assert (parcel["carrier"], parcel["validity"], parcel["lines"]) == ("ups", "valid", {"l1": 6})
    reference = aws.orders.get(keys.reference("tracking", "1Z5R89390357567127"))
    assert reference is not None
    assert (reference["channel"], reference["order_id"]) == found.order.key


def test_an_order_rejected_as_a_whole_is_open_again(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)

    take(aws, "no.x12", golden("rejects_all"))

    assert (seen(aws).units("l1"), seen(aws).units("l2")) == ({"open": 10}, {"open": 3})
    assert seen(aws).po.state is PoState.REJECTED


def test_of_a_file_the_document_that_names_no_order_of_ours_is_held_and_the_other_applied(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)

    counted = take(aws, "two.x12", golden("of_nobody"))

    assert counted == {"DocumentHeld": 1, "DocumentApplied": 1, "DocumentsTaken": 1}
    assert reasons(aws) == ["unknown_order"]
    assert problems(aws) == ["document_held"]
    assert folders(aws) == ["done", "held", "out"]
    report = next(body for key, body in objects(aws).items() if key.endswith(".txt"))
    assert b"segment or line 3, byte" in report
    assert b"(unknown_order)" in report


def test_the_function_takes_documents(aws: Aws, context: LambdaContext) -> None:
    push_rules(aws, {}, {"answers": ANSWERS})
    asked(book(aws), TWO_LINES)
    messages = [
        drop(aws, "po.x12", golden("accepts_six_of_ten")),
        drop(aws, "asn.x12", golden("ships_six")),
        drop(aws, "ack1.csv", csv(row(1, "reject", "NL-1002", Why="oos"), row(1, "reject", "NL-1002", Why="broken"))),
        drop(aws, "ack2.csv", csv(row(1, "backorder", "NL-1002"))),
        drop(aws, "ack3.csv", csv(row(1, "perhaps", "NL-1002"))),
    ]
    for i, body in enumerate(messages):
        record = {"messageId": f"m{i}", "receiptHandle": "r", "body": body}
        assert handler.lambda_handler({"Records": [record]}, context) == {"batchItemFailures": []}

    assert (seen(aws).units("l1"), seen(aws).units("l2")) == ({"shipped": 6, "open": 4}, {"open": 3})
    assert (reasons(aws), problems(aws)) == (["ack_code_unknown"], ["document_held"])


# ---- which file is one


def test_a_file_that_no_pattern_names_is_a_stock_file(aws: Aws) -> None:
    assert "FileApplied" in take(aws, "ack.txt", "sku,qty,cost\nNL-1001,4,1.00\n")


def test_a_file_is_a_document_by_its_name(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)

    assert take(aws, "ACK-7.CSV", csv(row(10, "accept")))["DocumentApplied"] == 1
    assert seen(aws).units() == {"accepted": 10}


# ---- what is held


@pytest.mark.parametrize(
    ("_case", "body", "code"),
    [
        ("more than was asked for", csv(row(11, "accept")), "accept_too_many"),
        ("no such order", csv(row(1, "accept", PO="ALPINA-5")), "unknown_order"),
        ("one that a key cannot hold", csv(row(1, "accept", PO="A#1")), "unknown_order"),
        ("of another supplier", csv(row(1, "accept", PO="BALTIC-000001")), "other_supplier"),
    ],
)
def test_one_wrong_line_holds_the_whole_document(_case: str, body: str, code: str, aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    other = asked(book(aws), {"NL-3": 2}, "2", "BALTIC-000001")
    baltic = keys.purchase_order(other.key, ALPINA, 1)
    aws.orders.put({**(aws.orders.get(baltic) or {}), "source_id": "baltic"})
    before = seen(aws)

    number = body.split("\n")[1].split(",", maxsplit=1)[0]
    counted = take(aws, "ack.csv", body + row(3, "accept", "NL-1002", PO=number) + "\n")

    assert counted["DocumentHeld"] == 1
    assert code in reasons(aws)
    assert seen(aws) == before


def test_more_than_was_asked_for_is_not_shipped_in_part(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    before = seen(aws)

    take(aws, "asn.x12", notice(("NL-1002", 3), ("NL-1001", 11)))

    assert (reasons(aws), seen(aws)) == (["ship_too_many"], before)


def test_shipped_and_never_accepted_is_held_where_the_rules_say_so(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    known = of({"policy": {"unaccepted": "hold"}})

    take(aws, "asn.x12", notice(("NL-1001", 4)), known)

    assert (reasons(aws), seen(aws).units()) == (["not_accepted"], {"sent": 10})


@pytest.mark.parametrize(
    ("_case", "text", "code"),
    [
        ("from somebody else", ("*SUPPLIER ", "*STRANGER "), "wrong_envelope"),
        ("a test", ("*0*P*", "*0*T*"), "test_document"),
        ("in a group of shipments", ("GS*PR*", "GS*SH*"), "wrong_group"),
        ("another currency", ("PO1*l1", "CUR*SE*USD~PO1*l1"), "other_currency"),
    ],
)
def test_an_envelope_that_is_not_ours_holds_what_is_in_it(
    _case: str, text: tuple[str, str], code: str, aws: Aws
) -> None:
    asked(book(aws), TWO_LINES)
    known = of({"partner": {"theirs": "SUPPLIER", "ours": "SHOP"}, "counts": "tell"})
    before = seen(aws)

    take(aws, "po.x12", golden("accepts_six_of_ten").decode().replace(*text), known)

    assert (reasons(aws), seen(aws)) == ([code], before)
    assert any("997-" in key for key in objects(aws)) == (code != "wrong_envelope")


def test_what_cannot_be_read_is_rejected_with_its_place_in_the_997(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)

    take(aws, "po.x12", ack("PO1*l1*10*EA\nACK*ZZ*6*EA"))

    assert reasons(aws) == ["ack_code_unknown"]
    text = objects(aws)["out/alpina/997-000000001.x12"].decode()
    assert "AK3*ACK*4**8~AK4*1**7*ZZ~AK5*R*5~AK9*R*1*1*0~" in text


def test_a_file_that_is_cut_off_is_told(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)

    counted = take(aws, "po.x12", golden("accepts_six_of_ten")[:-25])

    assert counted["FileHeld"] == 1
    assert problems(aws) == ["file_held"]


def test_a_line_that_is_named_by_its_gtin_alone_is_found_by_what_the_catalogue_says(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    product = Product(sku=Sku("NL-1001"), title="A lamp", gtin="00036000291452")
    aws.stock.put(facts.to_item(product))

    take(aws, "po.x12", ack("PO1**10*EA***UP*036000291452\nACK*IQ*6*EA"))
    take(aws, "asn.x12", notice(("036000291452", 6)).replace("LIN**SK*", "LIN**UP*"))

    assert (reasons(aws), seen(aws).units()) == ([], {"shipped": 6, "open": 4})


def test_who_takes_an_824_is_told_by_one_where_what_is_held_is_wrong(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    known = of({"advise": True})
    wrong = notice(("NL-1002", 3), ("NL-1001", 11)).replace("LIN**SK*NL-1001", "LIN*l1*SK*NL-1001")
    message = drop(aws, "asn.x12", wrong)

    for _ in range(2):
        run(aws, message, known)

    (text,) = [body for key, body in objects(aws).items() if "/824-" in key]
    (found,) = x12.received(text)
    advice = found.document
    assert isinstance(advice, ApplicationAdvice), found.findings
    ((only,),) = [advice.advised]
    assert (only.verdict, only.reference, only.set_number) == (Verdict.REJECTED, "S1", "856")
    assert [(each.text.split()[0], each.in_set) for each in only.faults] == [("ship_too_many", 11)]  # its SN1
    assert diagnose(text.decode()).findings == []


@pytest.mark.parametrize(
    ("_case", "answers", "body"),
    [
        ("nobody said that it takes one", {}, notice(("NL-1001", 11))),
        ("all is well", {"advise": True}, notice(("NL-1001", 1))),
        ("its 997 says it", {"advise": True}, ack("PO1*l1*10*EA\nACK*ZZ*6*EA")),
        ("a stranger", {"advise": True, "partner": {"theirs": "OTHER"}}, notice(("NL-1001", 11))),
    ],
)
def test_there_is_no_824_where(_case: str, answers: dict[str, object], body: str, aws: Aws) -> None:
    asked(book(aws), TWO_LINES)

    take(aws, "doc.x12", body, of(answers))

    assert not [key for key in objects(aws) if "/824-" in key]


# ---- twice, in any order, corrected


def test_the_same_document_again_in_another_file_changes_nothing(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    text = golden("accepts_six_of_ten").decode()
    take(aws, "po.x12", text)
    before = seen(aws)

    counted = take(aws, "again.x12", text.replace("000000007", "000000008"))

    assert counted["DocumentRepeated"] == 1
    assert seen(aws) == before


def test_ship_before_ack_ends_as_ack_before_ship(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    asked(book(aws), TWO_LINES, "2", "ALPINA-000002")
    first, second = golden("accepts_six_of_ten").decode(), notice(("NL-1001", 6))

    take(aws, "1.x12", second)
    take(aws, "2.x12", first)
    take(aws, "3.x12", first.replace(NUMBER, "ALPINA-000002"))
    take(aws, "4.x12", notice(("NL-1001", 6), number="S2", order="ALPINA-000002"))

    assert seen(aws).units() == seen(aws, "2").units() == {"shipped": 6, "open": 4}


def test_an_ack_of_everything_after_a_shipment_of_some_accepts_the_rest(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    take(aws, "1.x12", notice(("NL-1001", 6)))

    take(aws, "2.x12", x12.file(x12.one_set("855", f"BAK*00*AD*{NUMBER}*20261124")))

    assert seen(aws).units() == {"shipped": 6, "accepted": 4}


def test_another_document_under_a_number_is_held(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    take(aws, "1.x12", notice(("NL-1001", 6)))

    take(aws, "2.x12", notice(("NL-1001", 4)))

    assert (reasons(aws), seen(aws).units()) == (["number_taken"], {"shipped": 6, "sent": 4})


def test_a_correction_adds_what_the_first_one_lacked_and_the_first_one_again_nothing(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    take(aws, "1.x12", notice(("NL-1001", 6)))

    take(aws, "2.x12", notice(("NL-1001", 8), ("NL-1002", 1), purpose="05"))
    take(aws, "3.x12", notice(("NL-1001", 6)))

    assert (seen(aws).units("l1"), seen(aws).units("l2")) == ({"shipped": 8, "sent": 2}, {"shipped": 1, "sent": 2})
    assert reasons(aws) == []


def test_a_correction_that_takes_a_shipment_back_is_for_a_person(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    take(aws, "1.x12", notice(("NL-1001", 6)))

    take(aws, "2.x12", notice(("NL-1001", 5), purpose="05"))

    assert (reasons(aws), seen(aws).units()) == (["not_taken_back"], {"shipped": 6, "sent": 4})


def test_a_second_correction_counts_from_the_first(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    for i, (units, purpose) in enumerate([(4, "00"), (6, "05"), (7, "05")]):
        take(aws, f"{i}.x12", notice(("NL-1001", units), purpose=purpose))

    assert (reasons(aws), seen(aws).units()) == ([], {"shipped": 7, "sent": 3})


def test_an_acknowledgement_in_place_of_one_accepts_fewer(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    take(aws, "1.x12", ack("PO1*l1*10*EA\nACK*IA*10*EA"))

    take(aws, "2.x12", ack("PO1*l1*10*EA\nACK*IQ*7*EA", f"BAK*05*AC*{NUMBER}*20261125"))

    assert (reasons(aws), seen(aws).units()) == ([], {"accepted": 7, "open": 3})


# ---- what an answer does


@pytest.mark.parametrize(
    ("why", "held", "available", "told"),
    [
        ("oos", True, 94, []),
        ("broken", False, 90, []),
        ("gone", True, 94, ["discontinued"]),
        ("wrong", True, 94, ["sku_mismatch"]),
        ("", False, 94, []),
    ],
)
def test_a_rejection_corrects_the_stock_by_its_reason(
    why: str,
    held: bool,  # noqa: FBT001 - a parameter of the test
    available: int,
    told: list[str],
    aws: Aws,
) -> None:
    asked(book(aws), TWO_LINES)

    take(aws, "ack.csv", csv(row(4, "reject", Why=why)))

    found = seen(aws)
    assert found.units() == {"sent": 6, "open": 4}
    assert (bool(found.levels["NL-1001"].held_until), found.levels["NL-1001"].available) == (held, available)
    assert problems(aws) == told


def test_a_backorder_that_is_not_waited_for_is_rerouted_and_the_supplier_asked_not_to_ship_it(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)

    take(aws, "ack.csv", csv(row(6, "accept"), row(4, "backorder", Date="2026-11-28")))

    assert seen(aws).units() == {"accepted": 6, "open": 4}
    (asked_for,) = [body for key, body in objects(aws).items() if key.endswith("-cancel.csv")]
    assert f"cancel,{NUMBER},".encode() in asked_for
    assert b"l1,NL-1001,4," in asked_for


@pytest.mark.parametrize(
    ("day", "units"), [("2026-11-28", {"accepted": 6, "sent": 4}), ("2026-12-24", {"accepted": 6, "open": 4})]
)
def test_a_backorder_waits_where_the_rules_let_it_and_not_too_long(day: str, units: dict[str, int], aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    known = of({"policy": {"backorders": "wait", "late_days": 7}})

    take(aws, "ack.csv", csv(row(6, "accept"), row(4, "backorder", Date=day)), known)

    assert seen(aws).units() == units
    names = {":pk": keys.order(seen(aws).order.key).pk, ":evt": "EVT#backordered"}
    events = list(aws.orders.query("PK = :pk AND begins_with(SK, :evt)", names))
    assert len(events) == ("sent" in units)


@pytest.mark.parametrize(
    ("_case", "line", "code"),
    [
        ("much dearer", row(10, "price", Price="4.21"), "price_outside"),
        ("in time", row(10, "date", Date="2026-12-01"), ""),
        ("too late", row(10, "date", Date="2026-12-02"), "date_outside"),
    ],
)
def test_a_price_or_date_outside_its_tolerance_waits_for_a_word(_case: str, line: str, code: str, aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    aws.stock.put(offers.to_item(trade.offer("NL-1001", "alpina", 400)))
    known = of({"policy": {"price_percent": 5, "late_days": 7}})

    take(aws, "ack.csv", csv(line), known)

    assert reasons(aws) == ([code] if code else [])
    assert seen(aws).units() == ({"sent": 10} if code else {"accepted": 10})


def test_a_substitute_waits_for_a_word_unless_the_rules_take_it(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    body = ack("PO1*l1*10*EA\nACK*IS*10*EA****VN*NL-1009")

    take(aws, "1.x12", body)
    assert (reasons(aws), seen(aws).units()) == (["substitute"], {"sent": 10})

    take(aws, "2.x12", body, of({"policy": {"substitutes": "accept"}}))
    assert (reasons(aws), seen(aws).units()) == ([], {"accepted": 10})
    assert problems(aws) == []


def test_units_accepted_after_they_were_rerouted_are_asked_to_be_cancelled(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    take(aws, "1.csv", "sku,qty,cost\n")
    take(aws, "ack1.csv", csv(row(10, "reject", Why="oos")))

    take(aws, "ack2.csv", csv(row(10, "accept")))

    found = seen(aws)
    assert (found.units(), found.order.late) == ({"open": 10}, 10)
    (asked_for,) = [body for key, body in objects(aws).items() if key.endswith("-cancel.csv")]
    assert b"l1,NL-1001,10," in asked_for


@pytest.mark.parametrize(
    ("word", "units", "told"), [("yes", {"cancelled": 10}, []), ("no", {"sent": 10}, ["cancel_refused"])]
)
def test_the_answer_to_a_cancel_is_obeyed(word: str, units: dict[str, int], told: list[str], aws: Aws) -> None:
    order = asked(book(aws), {"NL-1001": 10})
    at = keys.purchase_order(order.key, ALPINA, 1)
    aws.orders.put({**(aws.orders.get(at) or {}), "state": "cancelling", "cancel_wanted": True})

    take(aws, "cancel.csv", f"PO,Result\n{NUMBER},{word}\n")

    assert (seen(aws).units(), problems(aws)) == (units, told)
    assert seen(aws).po.state is (PoState.CANCELLED if word == "yes" else PoState.ACKNOWLEDGED)


def test_a_cancel_that_nobody_asked_for_cancels_nothing(aws: Aws) -> None:
    asked(book(aws), {"NL-1001": 10})

    take(aws, "cancel.csv", f"PO,Result\n{NUMBER},yes\n")

    assert seen(aws).units() == {"sent": 10}


def scored(aws: Aws) -> Score:
    found = records(aws.orders, ALPINA, date(2026, 11, 1), date(2026, 11, 30))
    return score(found, timedelta(days=7), NOW)


def test_a_score_counts_each_answer_once_whatever_is_delivered_again(aws: Aws) -> None:
    asked(book(aws), TWO_LINES)
    for name, body in (("po.x12", golden("accepts_six_of_ten")), ("asn.x12", golden("ships_six"))):
        message = drop(aws, name, body)
        for _ in range(2):
            run(aws, message)
    take(aws, "again.x12", golden("accepts_six_of_ten"))

    found = scored(aws)

    assert (found.orders, found.answered, found.units) == (1, 1, 13)
    assert (found.oversold, found.cancelled, found.fill_percent) == (1, {"out_of_stock": 4}, 69.2)
    assert (found.on_time_percent, found.tracking_percent) == (100.0, 100.0)
    assert found.ack_hours == 0.4


def test_a_second_purchase_order_of_one_order_has_answers_of_its_own_and_no_parcel_twice(aws: Aws) -> None:
    order = asked(book(aws), TWO_LINES)
    (po,) = book(aws).purchase_orders(order.key)
    second = replace(po, n=2, number="ALPINA-000002")
    aws.orders.put(purchase_orders.to_item(second))
    book(aws).orders.write_all(list(order_lists.of_purchase_order(second).values()))
    take(aws, "asn.x12", golden("ships_six"))

    first, other = records(aws.orders, ALPINA, date(2026, 11, 24), date(2026, 11, 24))

    assert (first.count(Says.SHIPPED), len(first.tracking)) == (6, 1)
    assert (other.count(Says.SHIPPED), other.tracking) == (0, ())
    assert list(records(aws.orders, ALPINA, date(2026, 11, 25), date(2026, 12, 2))) == []


# ---- broken off


def items(aws: Aws) -> list[str]:
    found = [item for table in (aws.stock, aws.orders) for item in aws.dynamodb.scan(TableName=table.name)["Items"]]
    return sorted(json.dumps(item, sort_keys=True) for item in found)


def begin(aws: Aws, began: dict[str, list[dict[str, Any]]]) -> None:
    """Put the tables back, and the version that was dropped."""
    for table in (aws.stock, aws.orders):
        for item in aws.dynamodb.scan(TableName=table.name)["Items"]:
            aws.dynamodb.delete_item(TableName=table.name, Key={name: item[name] for name in ("PK", "SK")})
        for item in began[table.name]:
            aws.dynamodb.put_item(TableName=table.name, Item=item)
    bucket = settings().files_bucket
    for key in objects(aws):
        if not key.startswith("in/"):
            aws.s3.delete_object(Bucket=bucket, Key=key)
    for marker in aws.s3.list_object_versions(Bucket=bucket).get("DeleteMarkers", []):
        if marker["Key"].startswith("in/"):
            aws.s3.delete_object(Bucket=bucket, Key=marker["Key"], VersionId=marker["VersionId"])


READS = ("get_", "batch_get_", "query")
"""A crash around one of these leaves what the last write left."""


def settled(aws: Aws) -> tuple[list[str], list[str]]:
    """What is in the tables and the bucket, but for control numbers: one that is lost is a gap."""
    left = [item for item in items(aws) if '"counter"' not in item and '"answered_file"' not in item]
    return left, sorted("out/alpina/997" if "/997-" in key else key for key in objects(aws))


def through(aws: Aws, message: str, client: Faulty, *, of_s3: bool) -> Ingested:
    return run(aws, message, s3=client) if of_s3 else run(aws, message, client=client)


@pytest.mark.parametrize(("name", "of_s3"), [("accepts_six_of_ten", False), ("ships_six", False), ("ships_six", True)])
def test_broken_off_after_any_write_and_delivered_again_it_ends_the_same(
    name: str,
    of_s3: bool,  # noqa: FBT001 - a parameter of the test
    aws: Aws,
) -> None:
    asked(book(aws), TWO_LINES)
    began = {table.name: aws.dynamodb.scan(TableName=table.name)["Items"] for table in (aws.stock, aws.orders)}
    message = drop(aws, "doc.x12", golden(name))
    watched = Faulty(aws.s3 if of_s3 else aws.dynamodb, at=0)
    through(aws, message, watched, of_s3=of_s3)
    ended = settled(aws)

    writes = [at for at, call in enumerate(watched.calls, 1) if not call.startswith(READS)]
    assert writes
    for at in writes:
        begin(aws, began)
        faulty = Faulty(aws.s3 if of_s3 else aws.dynamodb, at, failure=Crash(), after=True)
        with pytest.raises(Crash):
            through(aws, message, faulty, of_s3=of_s3)
        assert run(aws, message).again == {}

        assert settled(aws) == ended, f"call {at}: {watched.calls[at - 1]}"
