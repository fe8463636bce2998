from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from shared.domain import answer_profiles, rules
from shared.domain.answer_profiles import NEEDED, USUAL, WORDS, AnswerProfile, Kind, Partner, Policy
from shared.domain.answer_words import Action, ChangeOutcome, Reason
from shared.domain.names import SourceId
from shared.domain.places import Place
from shared.domain.profiles import Format
from shared.errors import InvalidInput

ACK = {"columns": {"order": "PO", "sku": "Item", "units": "Committed"}}


def parse(**settings: object) -> AnswerProfile:
    return answer_profiles.parse(Place("answers", settings))


def test_a_source_that_says_nothing_of_its_answers_has_the_usual_ones() -> None:
    assert parse() == USUAL
    assert USUAL.uoms == {"": 1, "ea": 1, "pc": 1, "un": 1}


def test_all_that_a_profile_may_say_is_read() -> None:
    read = parse(
        uoms={"DZ": 12},
        reasons={"Out  of Stock": "out_of_stock"},
        counts="tell",
        rejected_change="done",
        acknowledgement={
            "delimiter": "|",
            "columns": {"order": "PO", "line": 3, "units": "Qty", "action": "Status"},
            "actions": {"OK": "accept", "No Stock": "reject"},
            "day": "%m/%d/%Y",
            "decimal": ",",
        },
        shipment={
            "format": "json",
            "rows": "data",
            "columns": {"order": "po", "sku": "sku", "units": "qty", "tracking": "no"},
        },
        cancel={"format": "xml", "rows": "a/b", "columns": {"order": "@po", "action": "@s"}, "actions": {"y": "done"}},
    )

    assert (read.uoms["dz"], read.uoms["ea"]) == (12, 1)
    assert read.reasons == {"out of stock": Reason.OUT_OF_STOCK}
    assert (read.counts, read.rejected_change) == ("tell", ChangeOutcome.DONE)
    ack = read.files[Kind.ACKNOWLEDGEMENT]
    assert ack.actions == {"ok": Action.ACCEPT, "no stock": Action.REJECT}
    assert (ack.layout.delimiter, ack.day, ack.layout.marks.decimal) == ("|", "%m/%d/%Y", ",")
    assert [each.word for each in ack.fields(Kind.ACKNOWLEDGEMENT)] == ["order", "line", "units", "action"]
    assert read.files[Kind.SHIPMENT].layout.format is Format.JSON
    assert read.files[Kind.CANCEL].actions == {"y": ChangeOutcome.DONE}


@pytest.mark.parametrize(
    ("settings", "at"),
    [
        ({"colours": 1}, "answers.colours"),
        ({"uoms": {"DZ": 0}}, "answers.uoms.DZ"),
        ({"reasons": {"x": "bored"}}, "answers.reasons.x"),
        ({"counts": "maybe"}, "answers.counts"),
        ({"rejected_change": "perhaps"}, "answers.rejected_change"),
        ({"acknowledgement": ACK | {"format": "xlsx"}}, "answers.acknowledgement.format"),
        ({"acknowledgement": ACK | {"sheet": 1}}, "answers.acknowledgement.sheet"),
        ({"acknowledgement": {"columns": {"order": "PO", "sku": "x"}}}, "answers.acknowledgement.columns.units"),
        ({"acknowledgement": {"columns": {"order": "PO", "units": "x"}}}, "answers.acknowledgement.columns.line"),
        (
            {"acknowledgement": {"columns": ACK["columns"] | {"tracking": "x"}}},
            "answers.acknowledgement.columns.tracking",
        ),
        ({"acknowledgement": ACK | {"actions": {"x": "accept"}}}, "answers.acknowledgement.actions"),
        ({"acknowledgement": {"columns": ACK["columns"] | {"action": "x"}}}, "answers.acknowledgement.actions"),
        ({"acknowledgement": ACK | {"day": "%d.%m."}}, "answers.acknowledgement.day"),
        ({"acknowledgement": ACK | {"day": "%Q"}}, "answers.acknowledgement.day"),
        ({"cancel": {"columns": {"order": "a"}}}, "answers.cancel.columns.action"),
        ({"policy": {"price_percent": -1}}, "answers.policy.price_percent"),
        ({"policy": {"substitutes": "perhaps"}}, "answers.policy.substitutes"),
        ({"policy": {"mercy": 1}}, "answers.policy.mercy"),
        ({"partner": {"theirs": ""}}, "answers.partner.theirs"),
        ({"acknowledge": "yes"}, "answers.acknowledge"),
        ({"acknowledgement": ACK | {"names": "ack*"}}, "answers.acknowledgement.names"),
    ],
)
def test_a_mistake_is_told_with_its_place(settings: dict[str, object], at: str) -> None:
    with pytest.raises(InvalidInput) as wrong:
        parse(**settings)
    assert wrong.value.details["at"] == at


def test_a_source_of_the_rules_has_its_answers() -> None:
    source = {
        "name": "Alpina",
        "currency": "EUR",
        "zone": "Europe/Vienna",
        "feed": {"columns": {"sku": "a", "quantity": "b"}},
    }
    document = {
        "schema": 1,
        "version": "1",
        "channels": {},
        "sources": {"a": source, "b": source | {"answers": {"counts": "tell"}}},
    }
    read = rules.parse(document).sources

    assert (read[SourceId("a")].answers, read[SourceId("b")].answers.counts) == (USUAL, "tell")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("ACK_7.csv", Kind.ACKNOWLEDGEMENT), ("back.csv", None), ("out-77.txt", Kind.SHIPMENT), ("ship.csv", None)],
)
def test_a_file_is_told_apart_by_its_name(name: str, kind: Kind | None) -> None:
    shipment = {"columns": {"order": "a", "line": "b", "units": "c", "tracking": "d"}, "names": ["out-*"]}

    assert parse(acknowledgement=ACK, shipment=shipment).kind_of(name) is kind


def test_every_setting_and_word_is_told() -> None:
    told = (Path(__file__).parents[3] / "docs/documents.md").read_text()

    words = {word for kind in Kind for word in (*WORDS[kind], *NEEDED[kind])}
    for each in {
        *words,
        *Kind,
        *Action,
        *Reason,
        *ChangeOutcome,
        "uoms",
        "reasons",
        "counts",
        "rejected_change",
        "actions",
        "day",
        "names",
        "acknowledge",
        *(each.name for each in fields(Policy)),
        *(each.name for each in fields(Partner)),
    }:
        assert f"`{each}`" in told
