"""Numbers marked (vendor) are published by the carrier itself; others are those of jkeen/tracking_number_data."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.domain import carriers
from shared.domain.carriers import Carrier, Tracking, Validity

FEDEX_SANDBOX = (  # vendor: FedEx developer portal, mock tracking numbers
    *("449044304137821", "149331877648230", "020207021381215", "403934084723025", "920241085725456", "568838414941"),
    *("039813852990618", "231300687629630", "797806677146", "377101283611590", "852426136339213", "797615467620"),
    *("957794015041323", "076288115212522", "581190049992", "122816215025810", "843119172384577", "070358180009382"),
    "61292701078443410536",
)
VALID = {
    Carrier.UPS: (
        *("1Z5R89390357567127", "1Z879E930346834440", "1Z410E7W0392751591", "1Z8V92A70367203024"),
        *("1Z999AA10123456784", "1Z12345E6605272234"),  # vendor: UPS's sample numbers
    ),
    Carrier.FEDEX: (
        *FEDEX_SANDBOX,
        "012345678983",  # vendor: FedEx Web API department, answers.google.com/answers/threadview/id/207899
        *("986578788855", "477179081230", "799531274483", "790535312317", "974367662710"),
        *("1001921334250001000300779017972697", "1001921380360001000300639585804382"),
        *("1001901781990001000300617767839437", "1002297871540001000300790695517286"),
        *("9622001900000000000000776632517510", "9622001560000000000000794808390594"),
        *("9622001560001234567100794808390594", "9632001560123456789900794808390594"),
        *("0414 4176 0228 964", "5682 8361 0012 000", "5682 8361 0012 734", "9611020987654312345672"),
        *("61299998820821171811", "9261292700768711948021"),
    ),
    Carrier.USPS: (
        *("0307 1790 0005 2348 3741", "7112 3456 7891 2345 6787", "7196 9010 7560 0307 7385"),
        *("4201002334249200190132607600833457", "4201028200009261290113185417468510"),
        *("420 22153 9101026837331000039521", "9505 5110 6960 5048 6006 24", "9101 1234 5678 9000 0000 13"),
        *("92748931507708513018050063", "9400 1112 0108 0805 4830 16", "9361 2898 7870 0317 6337 95"),
        "9405803699300124287899",
        *("RB123456785US",),
    ),
    Carrier.DHL: ("3318810025", "8487135506", "1099255990", "3821724944", "3318810036", "3318810014"),
}
WRONG = {
    Carrier.UPS: ("2Z5R89390357567127", "1A5R89390357567127", "1Z1111111111111111", "1Z12345E0205271688"),
    Carrier.FEDEX: (
        *("996578788855", "1001901781990001000300617767839438", "9261292700768711948020", "5682 8361 0012 732"),
        *("9600000000000000000001", "9622001560001234567100794808390595", "96220015600012345671007948083905"),
    ),
    Carrier.USPS: (
        *("0307 1790 0005 2348 3742", "4201028200009261290113185417468511", "61299998820821171811"),
        *("9200000000000000000000", "RB123456786US", "RB123456785GB"),
    ),
    Carrier.DHL: ("3318810010", "3318810034", "3318810011"),
}
"""1Z12345E0205271688 is UPS's own sample of a parcel delivered: its check digit does not fit."""

EACH_VALID = [(carrier, number) for carrier, numbers in VALID.items() for number in numbers]
EACH_WRONG = [(carrier, number) for carrier, numbers in WRONG.items() for number in numbers]
AMBIGUOUS = {"9261292700768711948021"}
"""FedEx hands it to the post: it is a number of both."""


@pytest.mark.parametrize(("carrier", "number"), EACH_VALID)
def test_published_numbers_are_valid_and_of_their_carrier(carrier: Carrier, number: str) -> None:
    plain = number.replace(" ", "")

    assert carriers.read(number, carrier) == Tracking(number=plain, carrier=carrier, validity=Validity.VALID)
    found = carriers.read(number)
    if number in AMBIGUOUS:
        assert found == Tracking(number=plain, carrier=None, validity=Validity.UNKNOWN)
    else:
        assert found == Tracking(number=plain, carrier=carrier, validity=Validity.VALID)


@pytest.mark.parametrize(("carrier", "number"), EACH_WRONG)
def test_published_numbers_that_are_wrong_are_not_of_the_carrier(carrier: Carrier, number: str) -> None:
    assert carriers.read(number, carrier).validity is Validity.INVALID


SEEN = [
    (Carrier.UPS, (1, 2, 3, 4, 6, 7, 8, 9)),  # what counts double hides a digit that is off by five
    (Carrier.USPS, (1, 2, 3, 4, 5, 6, 7, 8, 9)),
]
TYPED = [
    (carrier, plain, off)
    for carrier, offs in SEEN
    for number in VALID[carrier]
    if len(plain := number.replace(" ", "")) in (18, 22, 26) and not plain.startswith("420")
    for off in offs
]


@given(st.sampled_from(TYPED), st.data())
def test_a_digit_mistyped_is_seen(typed: tuple[Carrier, str, int], data: st.DataObject) -> None:
    carrier, number, off = typed
    at = data.draw(st.sampled_from([at for at in range(2, len(number)) if number[at].isdigit()]))

    mistyped = number[:at] + str((int(number[at]) + off) % 10) + number[at + 1 :]
    assert carriers.read(mistyped, carrier).validity is Validity.INVALID


@pytest.mark.parametrize(
    ("carrier", "number"),
    [
        *[
            (Carrier.DHL, each)
            for each in ("JJD0099999999", "JVGL0999999990", "GM2951173225174494", "JJD000390007882900000")
        ],
        *[(Carrier.UPS, each) for each in ("990728071", "T0123456789", "MI123456ABC")],
    ],
)
def test_numbers_without_a_check_digit_are_not_blamed(carrier: Carrier, number: str) -> None:
    assert carriers.read(number, carrier).validity is Validity.UNCHECKED


def test_a_number_that_looks_unchecked_is_believed_only_where_no_other_carriers_number_checks() -> None:
    assert carriers.read("JJD0099999999").carrier is Carrier.DHL
    assert carriers.read("1234567").validity is Validity.UNKNOWN


@pytest.mark.parametrize(
    "number", ["", " ", "1Z" + "9" * 5000, "\u0661" * 12, "1Z5R8939035756712\u0667", "<script>", "é" * 18]
)
@pytest.mark.parametrize("carrier", [None, *Carrier])
def test_what_is_no_number_is_of_nobody(number: str, carrier: Carrier | None) -> None:
    wanted = Validity.INVALID if carrier else Validity.UNKNOWN

    assert carriers.read(number, carrier).validity is wanted


@given(st.text(max_size=60))
def test_any_text_has_an_answer(text: str) -> None:
    for carrier in (None, *Carrier):
        assert carriers.read(text, carrier).validity in Validity


@pytest.mark.parametrize(
    ("code", "service", "carrier"),
    [
        ("UPSN", "", Carrier.UPS),
        ("upsg", "", Carrier.UPS),
        ("FDEG", "", Carrier.FEDEX),
        ("FDXE", "whatever", Carrier.FEDEX),
        ("USPS", "", Carrier.USPS),
        ("DHLC", "", Carrier.DHL),
        ("", "United Parcel Service", Carrier.UPS),
        ("", "Federal Express 2day", Carrier.FEDEX),
        ("", "FedEx Ground", Carrier.FEDEX),
        ("", "US Mail", Carrier.USPS),
        ("DHL Express", "", Carrier.DHL),
        ("", "UPS or FedEx", None),
        ("", "FedEx SmartPost by USPS", None),
        ("OVNT", "OVERNITE", None),
        ("", "GROUPS OF CUPS", None),
        ("", "", None),
    ],
)
def test_a_carrier_is_named_by_its_code_or_its_words(code: str, service: str, carrier: Carrier | None) -> None:
    assert carriers.carrier(code, service) is carrier
