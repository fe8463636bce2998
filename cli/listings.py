"""`truestock listings import`: what a shop lists, learned from the shop itself.

What is learned stays when `truestock config push` says nothing of it, and gives way to what the files say.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from typing import Annotated

import typer

from cli.channel_checks import chosen
from cli.channel_hooks import read_secret
from cli.config import announce
from cli.differences import Changed, listed
from cli.session import Session, writes
from shared.domain.listings import Comparison, compare
from shared.errors import InvalidInput
from shared.runtime import clock
from shared.storage.facts import Facts
from shared.storefronts.contract import NOT_UNDERSTOOD, Listing
from shared.storefronts.outbound import Outbound

app = typer.Typer(help="Listings: what a shop calls our SKUs.")

TELL_EACH = 1_000

Channel = Annotated[str, typer.Argument(metavar="CHANNEL", help="A shop of the current rules.")]


@app.callback()
def _listings() -> None:
    """Keep `import` a command of its own."""


@app.command("import")
@writes
def learn(session: Session, channel: Channel) -> None:
    """Read what a shop lists, say what differs, and learn the listings of SKUs that are ours.

    A SKU that the shop lists twice, a listing that is of another SKU here, a SKU that is none of ours and a listing
    that the shop has no more are told, and left for a person.
    """
    (shop,) = chosen(session.target.config().rules(clock.now()), channel)
    secret = read_secret(session.target, f"{session.target.secret_prefix}/shops/{channel}")
    if not secret or not secret.get("token"):
        raise InvalidInput("the shop has no token", code="no_token", do=f"truestock channels rotate {channel} --token")
    shops = Outbound(
        token=lambda _: str(secret["token"]), now=clock.now, new_id=lambda: uuid.uuid4().hex, wait=clock.wait
    )
    try:
        shown = list(_counted(session, shops.products(shop).list_products()))
    except InvalidInput as failure:
        if failure.code != NOT_UNDERSTOOD:
            raise
        raise InvalidInput("this shop does not tell what it lists", code="no_products", channel=channel) from failure
    facts = Facts(session.target.stock())
    known = facts.products(each.sku for each in shown)
    found = compare(((each.sku, each.listing) for each in shown), facts.listings(shop.channel), known)
    for line in described(found, shown):
        session.tell(line)
    learned: list[str] = []
    if found.is_empty:
        session.tell("nothing is to be learned: nothing was written")
    elif session.agree([]):
        wanted = [(sku, "", listing) for sku, listing in found.new.items()]
        wanted += [(sku, before, after) for sku, (before, after) in found.moved.items()]
        for at, (sku, before, after) in enumerate(wanted, 1):
            if facts.learn(shop.channel, sku, after, before):
                learned.append(sku)
            else:
                session.tell(f"{sku}: changed meanwhile; import again")
            _progress(session, at, "written")
        session.tell(f"learned: {len(learned)}")
        announce(session, Changed(skus=tuple(learned)))
    session.answer({"channel": channel, "read": len(shown), **asdict(found), "learned": learned})


def described(found: Comparison, shown: Iterable[Listing]) -> list[str]:
    """Say what differs: what would be learned first, then what is for a person."""
    uncounted = sorted(str(each.sku) for each in shown if not each.is_counted and each.sku not in found.unknown)
    told = [f"listings: {len(found.new)} new, {len(found.moved)} moved, {found.unchanged} unchanged"]
    told += listed(f"{sku}: new, {listing}" for sku, listing in found.new.items())
    told += listed(f"{sku}: {before} -> {after}" for sku, (before, after) in found.moved.items())
    sections: list[tuple[str, list[str]]] = [
        ("listed twice in the shop; leave one", [f"{sku}: {', '.join(each)}" for sku, each in found.doubled.items()]),
        (
            "of several SKUs, here or in the shop; correct one of them",
            [f"{listing}: {', '.join(skus)}" for listing, skus in found.taken.items()],
        ),
        ("not in the shop any more", [f"{sku}: {listing}" for sku, listing in found.gone.items()]),
        ("the shop keeps no quantity of it", uncounted),
        ("none of our SKUs", [f"{sku}: {', '.join(each)}" for sku, each in found.unknown.items()]),
    ]
    for what, lines in sections:
        if lines:
            told += [f"{what}: {len(lines)}", *listed(lines)]
    return told


def _counted(session: Session, found: Iterator[Listing]) -> Iterator[Listing]:
    for at, each in enumerate(found, 1):
        yield each
        _progress(session, at, "read")


def _progress(session: Session, at: int, what: str) -> None:
    if at % TELL_EACH == 0:
        session.tell(f"{at} listings {what} ...")
