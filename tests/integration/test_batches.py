"""Many purchase orders in one file: its worker killed after every write, and one file, or an unknown and no second."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from local import faults, supplier_stand_ins
from local.supplier_stand_ins import MailService
from shared.domain import rules, times
from shared.domain.batches import BatchState, Member
from shared.domain.names import OrderKey
from shared.domain.people import By
from shared.domain.purchase_orders import PoState, PurchaseOrder
from shared.domain.rules import Source
from shared.flows.operate_orders import OperateOrders
from shared.flows.send_batches import SendBatches
from shared.flows.send_purchase_orders import Lifetime, SendPurchaseOrders, Sent
from shared.runtime.settings import settings
from shared.storage import levels, purchase_orders
from shared.storage.batches import Batches
from shared.storage.gates import Gates
from shared.storage.order_book import OrderBook
from shared.storage.outbox import Outbox
from shared.storage.supplier_codes import SupplierCodes
from shared.suppliers.contract import Way
from shared.suppliers.file_drop import FileDrop
from tests.integration.conftest import Aws
from tests.integration.test_ways_of_sending import ALPINA, LIVES, NOW, Steps, World, mail, sftp
from tests.support import trade
from tests.support.faults import Crash
from tests.support.pauses import FakePauses

TEN = timedelta(hours=1)
"""From nine to the batch of ten; each look after it is past any claim."""
LATER = timedelta(minutes=5)
WRITES = {"transact_write_items", "put_item", "update_item", "put_object", "send_email", "start_file_transfer"}
BATCH = {"at": ["11:00", "16:00"], "most": 3}
"""In Vienna: ten, and three in the afternoon, by UTC."""


@dataclass
class Writes(Steps):
    """Dies after a write: after a read everything is as it was before it."""

    def take(self, name: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it answers
        return super().take(name, call) if name in WRITES else call()


@dataclass
class Batched:
    """Two orders, reserved at alpina, which is sent to in batches."""

    world: World
    files: Callable[[], list[bytes]]
    looks: bool
    keys: list[OrderKey] = field(default_factory=list)

    def fresh(self) -> Batched:
        level = trade.level("A", "alpina", 10, committed=4, available=6)
        self.world.aws.stock.put(levels.to_item(level))
        self.keys = [self.world.fresh().key, self.world.reserve().key]
        self.sweep()
        return self

    def sweep(self, after: timedelta = timedelta(), steps: Steps | None = None, **changes: Any) -> Sent:  # noqa: ANN401
        steps, now = steps or Writes(), NOW + after
        names = settings()
        book = OrderBook.of(steps.watch(self.world.aws.dynamodb), names.stock_table, names.order_table)
        document = trade.shop_rules_document("alpina")
        document["sources"]["alpina"]["send_by"] = {**self.world.send_by, "batch": BATCH | changes}
        read, life = rules.parse(document), Lifetime(now + LIVES, lambda: LIVES)
        flow = SendPurchaseOrders(
            Outbox(book),
            FakePauses(),  # type: ignore[arg-type]
            self.world.problems,  # type: ignore[arg-type]
            SupplierCodes(book.stock),
            Gates(book.orders),
            self.world.way(steps),
            new_id=lambda: uuid.uuid4().hex[:16],
        )
        return SendBatches(flow, Batches(book.orders)).run(flow.run(self.keys, read, now, life), read, now, life)

    def rest(self) -> None:
        for i in (1, 2):
            if self.states != {PoState.SENT}:
                self.sweep(TEN + i * LATER)

    @property
    def book(self) -> OrderBook:
        return OrderBook(self.world.aws.dynamodb, self.world.aws.stock, self.world.aws.orders)

    @property
    def pos(self) -> list[PurchaseOrder]:
        return [po for key in self.keys for po in self.book.purchase_orders(key)]

    @property
    def states(self) -> set[PoState]:
        return {po.state for po in self.pos}

    def cancel(self, key: OrderKey) -> None:
        OperateOrders(self.book, lambda _: None).cancel(key, By("ada", "not wanted"), "c1", NOW)


def dropped(aws: Aws) -> list[bytes]:
    bucket = settings().files_bucket
    found = aws.s3.list_objects_v2(Bucket=bucket, Prefix="out/alpina/PO-").get("Contents", [])
    wanted = [each["Key"] for each in found if not each["Key"].endswith("-cancel.csv")]
    return [aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in wanted]


@contextmanager
def files(aws: Aws, folder: Path) -> Iterator[Batched]:
    def way(steps: Steps) -> Callable[[Source], Way]:
        return lambda _: FileDrop(steps.watch(aws.s3), settings().files_bucket)

    there = MailService(supplier_stand_ins.store(folder / "there.sqlite"))
    yield Batched(World(aws, there, {"way": "file"}, way), partial(dropped, aws), looks=True)


@contextmanager
def over(way: Callable[[Aws, Path], Any], aws: Aws, folder: Path) -> Iterator[Batched]:
    with way(aws, folder) as world:
        yield Batched(world, lambda: world.arrived, looks=False)


WAYS: dict[str, Callable[[Aws, Path], Any]] = {
    "files": files,
    "email": partial(over, mail),
    "sftp in x12": partial(over, sftp),
}


@pytest.fixture(params=WAYS)
def batched(request: pytest.FixtureRequest, aws: Aws, tmp_path: Path) -> Iterator[Batched]:
    with WAYS[request.param](aws, tmp_path) as made:
        yield made


@pytest.fixture
def drops(aws: Aws, tmp_path: Path) -> Iterator[Batched]:
    with files(aws, tmp_path) as made:
        yield made


def holds(body: bytes, pos: list[PurchaseOrder]) -> bool:
    return all(po.number.encode() in body for po in pos)


def test_a_worker_killed_after_any_write_sends_one_file_or_leaves_it_unknown(batched: Batched) -> None:
    clean = Writes()
    batched.fresh().sweep(TEN, clean)
    batched.rest()
    assert (batched.states, len(batched.files())) == ({PoState.SENT}, 1)
    assert holds(batched.files()[0], batched.pos)
    assert len(clean.calls) >= 7

    # What the ways do not share begins where they send.
    for at in range(1 if batched.looks else _before_it_sends(clean.calls), len(clean.calls) + 1):
        batched.fresh()
        with suppress(Crash):
            batched.sweep(TEN, Writes(at))
        batched.sweep(TEN)
        batched.rest()

        sent = batched.files()
        numbers = [po.number.encode() for po in batched.pos]
        assert all(sum(number in body for body in sent) <= 1 for number in numbers), (at, clean.calls[at - 1])
        if batched.states != {PoState.SENT}:
            assert (batched.looks, batched.states) == (False, {PoState.UNKNOWN})
            assert "not_looked_up" in batched.world.problems.kinds
        else:
            assert all(any(number in body for body in sent) for number in numbers)


def _before_it_sends(calls: list[str]) -> int:
    """The number of the call before the one that sends."""
    return next(i for i, call in enumerate(calls) if call in {"send_email", "start_file_transfer"})


def test_what_waits_for_its_batch_is_ready_until_then(drops: Batched) -> None:
    drops.fresh().sweep(TEN - timedelta(seconds=1))

    assert (drops.states, {po.due_at for po in drops.pos}) == ({PoState.READY}, {times.text(NOW + TEN)})
    assert drops.files() == []


def test_more_than_go_into_one_file_are_several(drops: Batched) -> None:
    drops.fresh().sweep(TEN, most=1)

    assert (drops.states, len(drops.files())) == ({PoState.SENT}, 2)
    assert len({po.batch for po in drops.pos}) == 2


def test_a_cancel_before_the_claim_keeps_the_order_out(drops: Batched) -> None:
    drops.fresh()
    out, kept = drops.pos
    drops.cancel(out.order)

    drops.sweep(TEN)
    drops.rest()

    (sent,) = drops.files()
    assert (holds(sent, [kept]), holds(sent, [out])) == (True, False)
    assert [po.state for po in drops.pos] == [PoState.CANCELLED, PoState.SENT]


def test_a_cancel_of_what_is_claimed_follows_the_file(drops: Batched) -> None:
    clean = Writes()
    drops.fresh().sweep(TEN, clean)
    drops.fresh()
    with suppress(Crash):
        drops.sweep(TEN, Writes(clean.calls.index("put_object")))  # claimed and closed, not sent
    drops.sweep(TEN)  # while its claim stands nobody else works on it
    assert (drops.states, drops.files()) == ({PoState.CLAIMED}, [])
    drops.cancel(drops.pos[0].order)

    drops.rest()

    (sent,) = drops.files()
    assert holds(sent, drops.pos)
    assert [(po.state, po.cancel_told) for po in drops.pos] == [(PoState.CANCELLING, True), (PoState.SENT, False)]


def test_who_claims_a_batch_again_has_it_alone_until_its_claim_is_over(drops: Batched) -> None:
    clean = Writes()
    drops.fresh().sweep(TEN, clean)
    drops.fresh()
    with suppress(Crash):
        drops.sweep(TEN, Writes(clean.calls.index("put_object")))
    with suppress(Crash):
        drops.sweep(TEN + LATER, Writes(1))  # claimed again, and not sent

    drops.sweep(TEN + LATER)
    assert drops.files() == []
    drops.sweep(TEN + 2 * LATER)

    assert (drops.states, len(drops.files())) == ({PoState.SENT}, 1)


def test_a_batch_takes_nothing_that_another_one_has_claimed(drops: Batched) -> None:
    clean = Writes()
    drops.fresh().sweep(TEN, clean)
    drops.fresh()
    with suppress(Crash):
        drops.sweep(TEN, Writes(clean.calls.index("transact_write_items") + 1))  # one is claimed, the other is not
    with suppress(Crash):
        drops.sweep(TEN, Writes(4))  # numbered, opened, the other claimed, closed
    assert (drops.states, len({po.batch for po in drops.pos})) == ({PoState.CLAIMED}, 2)

    drops.sweep(TEN + LATER)

    assert drops.states == {PoState.SENT}
    assert [sum(holds(body, [po]) for body in drops.files()) for po in drops.pos] == [1, 1]


def test_a_cancel_of_what_is_sent_asks_the_supplier(drops: Batched) -> None:
    drops.fresh().sweep(TEN)
    drops.cancel(drops.pos[0].order)

    drops.sweep(TEN + LATER)

    assert [(po.state, po.cancel_told) for po in drops.pos] == [(PoState.CANCELLING, True), (PoState.SENT, False)]


def test_a_batch_that_is_surely_not_there_frees_what_was_in_it_for_the_next(aws: Aws, tmp_path: Path) -> None:
    with over(mail, aws, tmp_path) as batched:
        batched.fresh()
        faults.set(batched.world.stand_in.store, "throttle", seconds=60.0)
        batched.sweep(TEN)
        assert (batched.states, {po.batch for po in batched.pos}, batched.files()) == ({PoState.FAILED}, {""}, [])

        batched.rest()

        assert (batched.states, len(batched.files())) == ({PoState.SENT}, 1)


def test_a_claim_that_comes_after_its_batch_was_closed_is_void(drops: Batched) -> None:
    drops.fresh().sweep(TEN)
    first, second = drops.pos
    batches = Batches(drops.book.orders)
    batch = batches.read(ALPINA, first.batch)
    assert batch is not None
    assert batch.state is BatchState.SENT
    other = replace(batch, number="ALPINA-B000099", members=(Member(first.order, first.n),), revision=1)
    late = replace(second, state=PoState.CLAIMED, batch=other.number, due_at=times.text(NOW), sent_at="")
    batches.open(other)
    drops.book.orders.put(purchase_orders.to_item(late))

    drops.rest()

    assert drops.states == {PoState.SENT}
    assert (
        sum(second.number.encode() in body for body in drops.files()) == 2
    )  # the test took it out of the first by hand
