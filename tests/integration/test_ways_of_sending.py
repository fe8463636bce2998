"""Each way of sending, its worker killed at every step from the claim on: one order, or one unknown and no second."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from threading import Event
from typing import Any

import boto3
import pytest

from local import faults, supplier_stand_ins
from local.stand_in import serving
from local.supplier_stand_ins import FileTransfers, MailService, StandIn, SupplierApi
from shared.domain import orders, rules
from shared.domain.names import SourceId
from shared.domain.orders import Order
from shared.domain.purchase_orders import PoState, PurchaseOrder
from shared.domain.rules import Source
from shared.errors import AppError
from shared.flows.send_purchase_orders import Lifetime, SendPurchaseOrders, Sent
from shared.formats import x12_850
from shared.runtime.clients import ONCE
from shared.runtime.settings import settings
from shared.storage import keys
from shared.storage import orders as order_items
from shared.storage.gates import Gates
from shared.storage.order_book import OrderBook
from shared.storage.outbox import Outbox
from shared.storage.supplier_codes import SupplierCodes
from shared.suppliers.contract import Way
from shared.suppliers.email_ses import EmailSes
from shared.suppliers.file_drop import FileDrop
from shared.suppliers.https_json import HttpsJson
from shared.suppliers.sftp_put import SftpPut
from tests.integration.conftest import Aws
from tests.support import trade
from tests.support.faults import Crash
from tests.support.pauses import FakePauses
from tests.support.problems import FakeProblems

NOW = trade.times_now()
LIVES = timedelta(seconds=30)
LATER = timedelta(minutes=5)
"""Past any claim."""
ALPINA = SourceId("alpina")
ADDRESS = {"name": "Ada Buyer", "address1": "Harbour Street 1", "city": "Bergen", "zip": "5003", "country_code": "NO"}
JSON = {"order": {"po": "$number", "lines": {"$lines": {"sku": "$sku", "n": "$units"}}, "to": "$ship_to.name"}}
CANCEL = {"po": "$number", "cancel": True}
X12 = {"sender": "TRUESTOCK", "receiver": "ALPINA"}
CLAIM = "transact_write_items"


@dataclass
class Steps:
    """Counts every call out of the process; the process dies after number `at`, which is before the next."""

    at: int = 0
    calls: list[str] = field(default_factory=list)

    def take(self, name: str, call: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever it answers
        self.calls.append(name)
        if len(self.calls) != self.at:
            return call()
        with suppress(AppError):
            call()
        raise Crash

    def watch(self, client: Any) -> Any:  # noqa: ANN401 - a client, or a way
        return Stepped(client, self)


@dataclass
class Stepped:
    client: Any
    steps: Steps

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        found = getattr(self.client, name)
        if not callable(found):
            return found
        return lambda *args, **kwargs: self.steps.take(name, partial(found, *args, **kwargs))


@dataclass
class World:
    """One order, reserved at alpina, and how alpina is sent to."""

    aws: Aws
    stand_in: StandIn
    send_by: Mapping[str, Any]
    way: Callable[[Steps], Callable[[Source], Way]]
    number: int = 0
    name: str = ""
    problems: FakeProblems = field(default_factory=FakeProblems)

    def fresh(self) -> World:
        """Another order of its own."""
        with self.stand_in.store.open() as store:
            for table in ("arrived", "transfers", "faults"):
                store.execute(f"DELETE FROM {table}")  # noqa: S608 - names of ours
        for each in self.aws.s3.list_objects_v2(Bucket=settings().files_bucket).get("Contents", []):
            self.aws.s3.delete_object(Bucket=settings().files_bucket, Key=each["Key"])
        self.aws.orders.delete(keys.gate(ALPINA))
        self.problems = FakeProblems()
        return self.reserve()

    def reserve(self) -> World:
        """One more order, reserved."""
        self.number += 1
        order = trade.order(str(self.number), ("A", 2))
        order = replace(orders.take(order, {("l1", ALPINA): 2}, attempt="t"), ship_to="t")
        self.aws.orders.put(order_items.to_item(order))
        pk, sk = keys.ship_to(order.key, "t")
        self.aws.orders.put({"PK": pk, "SK": sk, "entity": "ship_to", "schema": 1, "revision": 1, "address": ADDRESS})
        return self

    def send(self, after: timedelta = timedelta(), steps: Steps | None = None, **changes: Any) -> Sent:  # noqa: ANN401
        steps, now = steps or Steps(), NOW + after
        names = settings()
        book = OrderBook.of(steps.watch(self.aws.dynamodb), names.stock_table, names.order_table)
        document = trade.shop_rules_document("alpina")
        document["sources"]["alpina"]["send_by"] = {**self.send_by, **changes}
        flow = SendPurchaseOrders(
            Outbox(book),
            FakePauses(),  # type: ignore[arg-type]
            self.problems,  # type: ignore[arg-type]
            SupplierCodes(book.stock),
            Gates(book.orders),
            self.way(steps),
            new_id=lambda: uuid.uuid4().hex[:16],
        )
        key = trade.key(str(self.number))
        return flow.run([key], rules.parse(document), now, Lifetime(now + LIVES, lambda: LIVES))

    @property
    def po(self) -> PurchaseOrder:
        (po,) = OrderBook(self.aws.dynamodb, self.aws.stock, self.aws.orders).purchase_orders(self.key)
        return po

    @property
    def key(self) -> Any:  # noqa: ANN401
        return trade.key(str(self.number))

    @property
    def order(self) -> Order:
        found = OrderBook(self.aws.dynamodb, self.aws.stock, self.aws.orders).order(self.key)
        assert found is not None
        return found

    @property
    def arrived(self) -> list[bytes]:
        return [body for _, body in self.stand_in.arrived()]


@contextmanager
def api(aws: Aws, folder: Path, *, looks: bool) -> Iterator[World]:
    over = Event()
    there = SupplierApi(supplier_stand_ins.store(folder / "there.sqlite"), wait=over.wait)
    with serving(there) as url:
        https = {"url": f"{url}/orders", "cancel_url": f"{url}/cancels", "timeout_seconds": 1}
        if looks:
            https["look_url"] = f"{url}/orders/{{number}}"

        def way(steps: Steps) -> Callable[[Source], Way]:
            def of(source: Source) -> Way:
                assert source.send_by.api is not None
                made: Way = steps.watch(HttpsJson(source.send_by.api, dict, lambda: NOW))
                return made

            return of

        yield World(aws, there, {"way": "https", "https": https, "json": JSON | {"cancel": CANCEL}}, way)
        over.set()


def client(service: str, url: str) -> Any:  # noqa: ANN401
    return boto3.client(service, endpoint_url=url, config=ONCE)  # type: ignore[call-overload]  # noqa: TID251


@contextmanager
def mail(aws: Aws, folder: Path) -> Iterator[World]:
    there = MailService(supplier_stand_ins.store(folder / "there.sqlite"))
    with serving(there) as url:
        ses = client("sesv2", url)

        def way(steps: Steps) -> Callable[[Source], Way]:
            return lambda source: EmailSes(steps.watch(ses), source.send_by.mail)  # type: ignore[arg-type]

        email = {"from": "orders@shop.example", "to": ["orders@alpina.example"]}
        yield World(aws, there, {"way": "email", "email": email}, way)


@contextmanager
def sftp(aws: Aws, folder: Path) -> Iterator[World]:
    def read(bucket: str, key: str) -> bytes:
        return aws.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    there = FileTransfers(supplier_stand_ins.store(folder / "there.sqlite"), read=read)
    with serving(there) as url:
        transfer = client("transfer", url)

        def way(steps: Steps) -> Callable[[Source], Way]:
            kept = FileDrop(steps.watch(aws.s3), settings().files_bucket, ".edi", "application/edi-x12")
            return lambda source: SftpPut(kept, steps.watch(transfer), source.send_by.connector)  # type: ignore[arg-type]

        connector = {"connector": "c-0123456789abcdef0", "folder": "/inbound"}
        yield World(aws, there, {"way": "sftp", "as": "x12", "sftp": connector, "x12": X12}, way)


WAYS: dict[str, Callable[[Aws, Path], Any]] = {
    "https that can be asked": partial(api, looks=True),
    "https that cannot be asked": partial(api, looks=False),
    "email": mail,
    "sftp": sftp,
}
LOOKS = {"https that can be asked"}


@pytest.fixture(params=WAYS)
def world(request: pytest.FixtureRequest, aws: Aws, tmp_path: Path) -> Iterator[World]:
    with WAYS[request.param](aws, tmp_path) as made:
        made.name = request.param
        yield made


def rest(world: World) -> None:
    for i in (1, 2):
        world.send(i * LATER)


def test_a_worker_killed_at_any_step_sends_once_or_leaves_it_unknown(world: World) -> None:
    clean = Steps()
    world.fresh().send(steps=clean)
    first = clean.calls.index(CLAIM)
    rest(world)
    assert (world.po.state, len(world.arrived)) == (PoState.SENT, 1)
    ends = set()

    for at in range(first, len(clean.calls) + 1):
        world.fresh()
        with suppress(Crash):
            world.send(steps=Steps(at))
        world.send()
        assert len(world.arrived) <= 1
        rest(world)

        end = (world.po.state, len(world.arrived))
        ends.add(end)
        if end != (PoState.SENT, 1):
            assert (end[0], "not_looked_up" in world.problems.kinds) == (PoState.UNKNOWN, True)
            assert world.name not in LOOKS

    assert ends <= {(PoState.SENT, 1), (PoState.UNKNOWN, 0), (PoState.UNKNOWN, 1)}
    assert (PoState.SENT, 1) in ends


def test_an_order_that_was_taken_without_an_answer_is_not_sent_again(world: World) -> None:
    world.fresh()
    faults.set(world.stand_in.store, "drop")

    world.send()
    assert world.po.state is PoState.UNKNOWN
    rest(world)

    assert len(world.arrived) == 1
    assert world.po.state is (PoState.SENT if world.name in LOOKS else PoState.UNKNOWN)
    assert ("not_looked_up" in world.problems.kinds) is (world.name not in LOOKS)


def test_a_supplier_that_throttles_is_sent_to_later_and_once(world: World) -> None:
    world.fresh()
    faults.set(world.stand_in.store, "throttle", seconds=60.0)

    world.send()
    assert (world.po.state, world.arrived) == (PoState.FAILED, [])
    rest(world)

    assert (world.po.state, len(world.arrived), world.problems.kinds) == (PoState.SENT, 1, [])


def test_shadow_sends_nothing_and_live_then_sends_it(world: World) -> None:
    world.fresh().send(mode="shadow")
    world.send(LATER, mode="shadow")
    assert (world.po.state, world.arrived) == (PoState.READY, [])

    world.send(5 * LATER)
    world.send(6 * LATER)

    assert (world.po.state, len(world.arrived)) == (PoState.SENT, 1)


def test_an_order_whose_way_was_changed_meanwhile_is_not_sent_by_the_other(aws: Aws, tmp_path: Path) -> None:
    with api(aws, tmp_path, looks=True) as world:
        world.fresh()
        faults.set(world.stand_in.store, "drop")
        world.send()
        world.send_by = {"way": "file"}
        world.way = lambda steps: lambda _: FileDrop(steps.watch(aws.s3), settings().files_bucket)

        world.send(LATER)

        assert (world.po.state, world.problems.kinds) == (PoState.UNKNOWN, ["way_changed"])
        assert aws.s3.list_objects_v2(Bucket=settings().files_bucket).get("Contents", []) == []


def test_a_second_try_of_an_interchange_is_the_same_to_the_byte(aws: Aws, tmp_path: Path) -> None:
    with sftp(aws, tmp_path) as world:
        world.fresh()
        there = world.stand_in
        assert isinstance(there, FileTransfers)
        sent: list[bytes] = []

        def put(_folder: str, _name: str, body: bytes) -> None:
            sent.append(body)
            if len(sent) == 1:
                raise ConnectionResetError

        there.put = put
        world.send()
        world.send(LATER)
        world.send(2 * LATER)

        assert (world.po.state, world.po.control, len(sent)) == (PoState.SENT, 1, 2)
        assert sent[0] == sent[1]
        assert sent[0].startswith(b"ISA*00*")
        assert f"*{x12_850.NUMBER}*0001~" in sent[0].decode()


def test_after_so_many_failures_a_supplier_is_left_alone_and_then_tried_once(aws: Aws, tmp_path: Path) -> None:
    limits = {"failures": 2, "rest_minutes": 15}
    with api(aws, tmp_path, looks=False) as world:
        for i in range(2):
            world.fresh() if i == 0 else again(world)
            faults.set(world.stand_in.store, "fail", status=500)
            world.send(limits=limits)
        assert [problem.subject for problem in world.problems.opened] == ["alpina"]
        again(world)

        world.send(limits=limits)
        assert (world.po.state, world.arrived) == (PoState.READY, [])
        world.send(3 * LATER, limits=limits)

        assert (world.po.state, len(world.arrived)) == (PoState.SENT, 1)


def again(world: World) -> None:
    """Have one more order, and the gate as it is."""
    gate, problems = world.aws.orders.get(keys.gate(ALPINA)), world.problems
    world.fresh()
    world.problems = problems
    assert gate is not None
    world.aws.orders.put(gate)
