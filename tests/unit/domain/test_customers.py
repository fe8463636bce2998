from __future__ import annotations

import pytest

from shared.domain import customers
from shared.domain.customers import Customer
from shared.domain.names import ChannelId

KEY, SHOP = b"key", ChannelId("nordlys")


def test_an_address_has_one_name_on_every_channel_however_it_is_written() -> None:
    names = {
        customers.names_of(KEY, channel, Customer(email=email))
        for channel in (SHOP, ChannelId("fjord"))
        for email in ("mari@post.example", " Mari@POST.example ")
    }

    assert len(names) == 1


def test_an_id_is_of_one_channel_alone_and_never_taken_for_an_address() -> None:
    (mine,) = customers.names_of(KEY, SHOP, Customer(platform_id="7"))
    (other,) = customers.names_of(KEY, ChannelId("fjord"), Customer(platform_id="7"))
    (email,) = customers.names_of(KEY, SHOP, Customer(email="nordlys#7"))

    assert len({mine, other, email}) == 3


def test_an_order_is_called_by_the_address_before_the_id() -> None:
    both = customers.names_of(KEY, SHOP, Customer(email="mari@post.example", platform_id="7"))

    assert both[0] == customers.of_email(KEY, "mari@post.example")
    assert both[1] == customers.of_id(KEY, SHOP, "7")
    assert customers.names_of(KEY, SHOP, Customer()) == ()


def test_another_key_gives_another_name() -> None:
    assert customers.of_email(KEY, "mari@post.example") != customers.of_email(b"other", "mari@post.example")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"email":"a.b+c@post.example","n":1}', ["a.b+c@post.example"]),
        ("<a@b.example>, c@d.example;", ["a@b.example", "c@d.example"]),
        ("nobody here @ all", []),
    ],
)
def test_addresses_are_found_in_any_text(text: str, found: list[str]) -> None:
    assert list(customers.addresses_in(text)) == found
