"""A day of the sample shop, played on a local cloud, and what a person sends to it afterwards.

A day may be played again on a cloud that has its state, and must leave everything as it was. What should happen is
said in the trade's words; what did happen is read back by `local.readback`.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import yaml

from local import afternoon, drawn, market, readback, suppliers
from local.cloud import ROOT, Cloud, Failure
from local.drawn import Sent
from local.figures import Figures, tables

Say = Callable[[str], None]

WAITS_SECONDS = 60
LOOKS_EVERY_SECONDS = 0.25
DIFFERS = 5
QUEUES = ("OrderQueueUrl", "ChannelQueueUrl", "ShopEventQueueUrl")
"""The file queue tells less than the folder `in/`: it begins with the bucket's own test event."""

OK = 200
WRONG_FIRST, CUT_FIRST = "baltic", "alpina"
"""Suppliers of the day whose first try goes wrong: a file without its quantities, a line that is cut."""
CLEARED = "the rest of the range is sold off"
"""Why the short file may count: what it leaves out is not there any more."""


# ---- the day


@contextmanager
def standing(cloud: Cloud, say: Say) -> Iterator[None]:
    """Stand beside a cloud what it works with, while the block runs: the shops, and the suppliers' SFTP."""
    with market.serving(market.of(cloud)) as urls, suppliers.serving(cloud, drawn.rules()["sources"]) as sftp:
        for channel, url in urls.items():
            say(f"the stand-in shop {channel} answers at {url}")
        say(f"suppliers send to sftp://{sftp.there.host}:{sftp.there.port}")
        _push(cloud, urls, say)
        yield


def play(cloud: Cloud, seed: int, say: Say, *, morning_only: bool = False) -> int:
    """Play the day; return 0 when all is as it should be, 5 when something differs, having said what."""
    say(f"a day of the sample shop, drawn from seed {seed}")
    _deliver_stock(cloud, seed, say)
    shop = market.of(cloud).nordlys
    orders, webhooks = drawn.events(seed)
    wrong = []
    for webhook in webhooks:
        status = shop.send(webhook.topic, webhook.payload, secret=webhook.secret, webhook_id=webhook.webhook_id)
        say(f"{webhook.told}: answered {status}")
        if webhook.topic == "orders/cancelled":
            key = f"{drawn.CHANNEL}#{webhook.payload['id']}"
            _until("the cancel is recorded", say, lambda: _is_recorded(cloud, key), cloud)  # noqa: B023 - called at once
        if status != webhook.status:
            wrong.append(f"{webhook.told}: answered {status} instead of {webhook.status}")
    waits: list[str] = []  # what the last look found: a message that comes while the figures are shown is no difference

    def is_at_rest() -> bool:
        waits[:] = _unsettled(readback.read(cloud), orders) + _unfinished(cloud)
        return not waits

    if is_in_time(is_at_rest):
        say("the orders are where they end, and the shop is told its numbers")
    for supplier in sorted(drawn.FEEDS_OF_THE_DAY):
        say(f"{supplier} finds {len(suppliers.of(cloud).purchase_orders(supplier))} purchase orders in /out")

    left: set[tuple[str, str]] = set()
    if not morning_only:
        after = afternoon.play(cloud, seed, say, lambda told, is_so: _until(told, say, is_so, cloud))
        wrong, left = wrong + after.wrong, after.leaves
        cloud.invoke("SweepDueWork")
        is_in_time(lambda: not _unfinished(cloud))
    figures = readback.read(cloud)
    print(f"\n{tables(figures)}\n", flush=True)
    wrong += waits + figures.differences() + _miscounted(figures, seed) + _untroubled(figures, orders, left)
    for each in wrong:
        say(f"differs: {each}")
    say("the day ended as it should" if not wrong else f"{len(wrong)} things differ from what they should be")
    return DIFFERS if wrong else 0


def _deliver_stock(cloud: Cloud, seed: int, say: Say) -> None:
    """Have the suppliers send their files as suppliers do: without quantities, cut in the middle, far too short."""
    sftp = suppliers.of(cloud)
    files = {supplier: drawn.stock_file(supplier, seed) for supplier in drawn.FEEDS_OF_THE_DAY}
    sftp.send(WRONG_FIRST, f"wrong-{seed}.csv", drawn.wrong_file(WRONG_FIRST))
    say(f"{WRONG_FIRST} sends a file without its quantities")
    _until("it is held, and an exception says so", say, lambda: _held(cloud, WRONG_FIRST) == "open", cloud)
    sftp.send_half(CUT_FIRST, f"stock-{seed}.csv", files[CUT_FIRST][1])
    say(f"{CUT_FIRST} is cut off in the middle of its file, and nothing of it came: {_keys(cloud, f'in/{CUT_FIRST}/')}")
    for supplier, (rows, body) in files.items():
        name = f"stock-{seed}.{drawn.ENDINGS.get(supplier, 'csv')}"
        sftp.send(supplier, name, body)
        say(f"{supplier} sends its stock, {name}: {len(rows)} SKUs")
    _until("the files are read", say, lambda: not _keys(cloud, "in/"), cloud)
    cloud.invoke("SweepDueWork")  # as the schedule does every minute
    told = f"the exception about {WRONG_FIRST}'s file has closed itself"
    _until(told, say, lambda: _held(cloud, WRONG_FIRST) == "closed", cloud)
    if _held(cloud, drawn.SHORT) == "open":
        say(f"{drawn.SHORT}'s file is held, for its short one counts since the day was played before")
    _send_short_file(cloud, seed, say)
    _until("their stock is counted", say, lambda: not _miscounted(readback.read(cloud), seed), cloud)
    _until("the shop is told its numbers", say, lambda: not _unfinished(cloud), cloud)
    cloud.invoke("SweepDueWork")
    told = f"the exception about {drawn.SHORT}'s file is closed"
    _until(told, say, lambda: _held(cloud, drawn.SHORT) == "closed", cloud)


def _send_short_file(cloud: Cloud, seed: int, say: Say) -> None:
    """Send a file with less than half of the rows of the one before it, and answer as a shopkeeper who has asked.

    Played again it is like the file that counts, and nothing is to be answered.
    """
    held = _keys(cloud, f"held/{drawn.SHORT}/")
    rows, body = drawn.short_file(seed)
    suppliers.of(cloud).send(drawn.SHORT, f"short-{seed}.csv", body)
    say(f"{drawn.SHORT} sends another file, which ends after {drawn.SHORT_PERCENT} % of its rows: {len(rows)} SKUs")
    _until("it is read", say, lambda: not _keys(cloud, "in/"), cloud)
    if _keys(cloud, f"held/{drawn.SHORT}/") == held:
        say("it counts, for it is as the one before it")
        return
    say("the guard holds it; a shopkeeper is told:")
    print(_truestock(cloud, "exceptions", "list", "--kind", "file_held"), flush=True)
    say(f"{drawn.SHORT}, rung up, says that nothing is missing: {CLEARED}")
    print(_truestock(cloud, "feeds", "release", drawn.SHORT, "--reason", CLEARED), flush=True)


def _miscounted(figures: Figures, seed: int) -> list[str]:
    """Say which levels do not count what their supplier's last file says, or leaves out."""
    found = {(level.sku, level.source): level.counted for level in figures.stock}
    said = {(sku, of): units for of in drawn.FEEDS_OF_THE_DAY for sku, units in drawn.counts(of, seed).items()}
    wrong = [(key, units) for key, units in sorted(said.items()) if found.get(key) != units]
    return [f"{sku} at {source} counts {found.get((sku, source))} instead of {units}" for (sku, source), units in wrong]


def _held(cloud: Cloud, supplier: str) -> str:
    """Answer how the exception stands that a supplier's file is held; empty when there is none."""
    troubles = readback.read(cloud).troubles
    return next((each.state for each in troubles if (each.kind, each.subject) == ("file_held", supplier)), "")


def _untroubled(figures: Figures, orders: Iterable[Sent], others_left: Iterable[tuple[str, str]]) -> list[str]:
    """Say which exceptions stand otherwise than the day leaves them: orders that wait, and silent suppliers."""
    standing = {(each.kind, each.subject) for each in figures.troubles if each.state == "open"}
    waiting = {("unfilled", sent.key) for sent in orders if sent.ends == "backordered"} | set(others_left)
    found = [f"no exception is open: {kind} {subject}" for kind, subject in sorted(waiting - standing)]
    others = sorted(each for each in standing if each not in waiting and each[0] not in {"unfilled", "dead_letters"})
    return found + [f"an exception is open: {kind} {subject}" for kind, subject in others]


def settle(cloud: Cloud) -> None:
    """Let what is under way end, for a while: the emulator forgets stream records that a stop meets on their way."""
    is_in_time(lambda: not _unfinished(cloud) and not any(line.reserved for line in readback.read(cloud).lines))


def _is_recorded(cloud: Cloud, order: str) -> bool:
    return any(line.order == order for line in readback.read(cloud).lines)


def _unsettled(figures: Figures, orders: Iterable[Sent]) -> list[str]:
    """Say which orders are not, with all their units, where they shall end, or are not with their suppliers once."""
    found = []
    for sent in orders:
        lines = [line for line in figures.lines if line.order == sent.key]
        there = sum(getattr(line, sent.ends) for line in lines)
        if there != sent.units or there != sum(line.ordered for line in lines):
            found.append(f"{sent.told}, {sent.key}: {there} of {sent.units} units are {sent.ends}")
        chosen = {each.source for each in figures.choices if each.order == sent.key and each.source != "nobody"}
        asked = sorted(po.source for po in figures.purchase_orders if po.order == sent.key and po.file)
        if asked != sorted(chosen) and sent.ends != "cancelled":
            found.append(f"{sent.told}, {sent.key}: purchase orders to {asked}, chosen were {sorted(chosen)}")
    return found


# ---- what a person sends


def order(cloud: Cloud, sku: str, units: int, say: Say) -> int:
    """Send an order of the stand-in shop and say what became of it; 5 when it was refused or lost."""
    now = datetime.now(UTC).isoformat(timespec="seconds")
    payload = drawn.order(random.SystemRandom().randrange(10**6, 10**9), 1, (sku, units))
    payload |= {"created_at": now, "updated_at": now}
    sent = drawn.Sent("your order", payload, "")
    status = market.of(cloud).nordlys.send("orders/create", payload)
    say(f"order {payload['name']} of {units} x {sku}: answered {status}")
    if status != OK:
        return DIFFERS
    told = "it is with a supplier, waits for stock, or is reserved and its supplier paused"
    _until(told, say, lambda: _is_settled(cloud, sent), cloud)
    figures = readback.read(cloud)
    for line in (line for line in figures.lines if line.order == sent.key):
        say(f"{line.sent} units sent to a supplier, {line.reserved} reserved, {line.backordered} wait for stock")
    for choice in (choice for choice in figures.choices if choice.order == sent.key):
        say(f"{choice.units} from {choice.source}: {choice.why}")
    for po in (po for po in figures.purchase_orders if po.order == sent.key):
        say(f"purchase order {po.number}: {po.file or 'waits, for its supplier is paused'}")
    return 0


def feed(cloud: Cloud, file: Path, supplier: str, say: Say) -> int:
    """Drop a supplier's file and say where it went; 5 when it was held."""
    try:
        body = file.read_bytes()
    except OSError as error:
        raise Failure(f"{file} cannot be read: {error.strerror}") from error
    if supplier not in drawn.rules()["sources"]:
        raise Failure(f"there is no supplier {supplier}; there are: {', '.join(sorted(drawn.rules()['sources']))}")
    reports = _keys(cloud, f"out/{supplier}/reports/")
    held = _keys(cloud, f"held/{supplier}/")
    suppliers.of(cloud).send(supplier, file.name, body)
    _until("the file is read", say, lambda: not _keys(cloud, f"in/{supplier}/"), cloud)
    _until("its report is written", say, lambda: _keys(cloud, f"out/{supplier}/reports/") != reports, cloud)
    for key in sorted(key for key in _keys(cloud, f"out/{supplier}/reports/") - reports if key.endswith(".txt")):
        say(f"{key}:\n{_get(cloud, key).decode()}")
    return DIFFERS if _keys(cloud, f"held/{supplier}/") - held else 0


# ---- the cloud


def _push(cloud: Cloud, urls: Mapping[str, str], say: Say) -> None:
    """Push the sample's configuration with the stand-in shops' addresses."""
    with tempfile.TemporaryDirectory() as folder:
        document = drawn.rules()
        for channel, url in urls.items():
            document["channels"][channel]["api_url"] = url
        Path(folder, "rules.yaml").write_text(yaml.safe_dump(document))
        for file in (drawn.CONFIG / "rates.yaml", *drawn.CONFIG.glob("*.csv")):
            Path(folder, file.name).write_bytes(file.read_bytes())
        _truestock(cloud, "config", "push", folder)
    say("the sample's configuration is pushed")


def _truestock(cloud: Cloud, *arguments: str) -> str:
    """Type the operator's command; return what it says. Raises Failure when it fails."""
    command = [sys.executable, "-m", "cli.main", *arguments, "--cloud", str(cloud.state.parent)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Failure(f"truestock {' '.join(arguments)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def _is_settled(cloud: Cloud, sent: Sent) -> bool:
    figures = readback.read(cloud)
    is_paused = any(po.order == sent.key and po.state == "ready" and po.is_paused for po in figures.purchase_orders)
    return _in(figures, sent, ("sent", "backordered", "reserved") if is_paused else ("sent", "backordered"))


def _in(figures: Figures, sent: Sent, states: Iterable[str]) -> bool:
    lines = [line for line in figures.lines if line.order == sent.key]
    return bool(lines) and sent.units == sum(getattr(line, state) for line in lines for state in states)


def _counted(cloud: Cloud) -> set[tuple[str, str]]:
    return {(level.sku, level.source) for level in readback.read(cloud).stock}


def _unfinished(cloud: Cloud) -> list[str]:
    """Say what is on its way: writes that are not in the ledger, numbers the shop is not told, messages in queues."""
    stock = [level for level in readback.read(cloud).stock if level.movements != level.revision]
    found = [f"{level.sku} at {level.source} has {level.movements} of {level.revision} movements" for level in stock]
    for channel in drawn.rules()["channels"]:
        marks = cloud.client("dynamodb").query(
            TableName=cloud.outputs["StockTable"],
            KeyConditionExpression="PK = :pk",
            ExpressionAttributeValues={":pk": {"S": f"DIRTY#{channel}"}},
            ConsistentRead=True,
        )
        found += [f"{channel} is not told of {mark['SK']['S']}" for mark in marks["Items"]]
    return found + [f"{queue} holds {units} messages" for queue in QUEUES if (units := _waiting(cloud, queue))]


def _waiting(cloud: Cloud, queue: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    found = cloud.client("sqs").get_queue_attributes(QueueUrl=cloud.outputs[queue], AttributeNames=names)
    return sum(int(found["Attributes"][name]) for name in names)


def _keys(cloud: Cloud, prefix: str) -> set[str]:
    found = cloud.client("s3").list_objects_v2(Bucket=cloud.outputs["FilesBucket"], Prefix=prefix)
    return {each["Key"] for each in found.get("Contents", [])}


def _get(cloud: Cloud, key: str) -> bytes:
    body: bytes = cloud.client("s3").get_object(Bucket=cloud.outputs["FilesBucket"], Key=key)["Body"].read()
    return body


def _until(told: str, say: Say, is_so: Callable[[], bool], cloud: Cloud) -> None:
    """Wait until something is so. Raises Failure past the deadline, with the figures as they then are."""
    if not is_in_time(is_so):
        why = "\n".join([*_unfinished(cloud), tables(readback.read(cloud))])
        raise Failure(f"after {WAITS_SECONDS} s it is still not so that {told}:\n{why}")
    say(told)


def is_in_time(is_so: Callable[[], bool]) -> bool:
    """Wait until something is so; answer False past the deadline."""
    deadline = time.monotonic() + WAITS_SECONDS
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(LOOKS_EVERY_SECONDS)
    return True
