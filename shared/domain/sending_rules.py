"""What a source's rules say of sending: the way, how a purchase order is written, and when nothing may go out.

No secret stands in rules: whoever signs in is kept in Secrets Manager, and rules say only how.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import time, timedelta
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from shared.domain.places import Place
from shared.domain.platforms import LOOPBACK, OF_AN_ADDRESS

MOST_TIMEOUT_SECONDS = 10
MOST_IN_A_BATCH = 100
NUMBER = "{number}"
"""Stands in a URL for the purchase order's number."""
BODY, TIMESTAMP = "{body}", "{timestamp}"
"""Stand in what a signature is made over."""
LINES = "$lines"
OF_AN_ORDER = frozenset({"$number", "$order_name", "$order_token", "$request", "$test"})
OF_A_SHIP_TO = frozenset(f"$ship_to.{part}" for part in OF_AN_ADDRESS)
OF_A_LINE = frozenset({"$line", "$sku", "$units", "$supplier_sku", "$supplier_units"})
ASKS_FOR = (frozenset({"$sku", "$units"}), frozenset({"$supplier_sku", "$supplier_units"}))
"""What a line must say, one or the other: units are pieces by our SKU, packs by the supplier's code."""
DUPLICATES = (208, 400, 409, 412, 422)
_CONNECTOR = re.compile(r"c-[0-9a-f]{17}")
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,60}")
_ADDRESS = re.compile(r"[^\s@<>,;:\"\\()]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}")
_PARTY = re.compile(r"[A-Za-z0-9 ._-]{1,15}")
_FOLDER = re.compile(r"/[^\x00-\x1f]*")


class By(StrEnum):
    """A way of sending."""

    FILE = "file"
    SFTP = "sftp"
    HTTPS = "https"
    EMAIL = "email"


class WrittenAs(StrEnum):
    """How a purchase order is written."""

    CSV = "csv"
    X12 = "x12"
    JSON = "json"


class Mode(StrEnum):
    """What goes out: all of it; nothing, though it is written and checked; all of it, marked as a test."""

    LIVE = "live"
    SHADOW = "shadow"
    TEST = "test"


class Send(StrEnum):
    """When a purchase order may go out: at any time, or only while the supplier is there."""

    ANY_TIME = "any_time"
    BUSINESS_HOURS = "business_hours"


class SignIn(StrEnum):
    """How an API knows us."""

    NONE = "none"
    KEY = "key"
    BASIC = "basic"
    OAUTH2 = "oauth2"
    SIGNATURE = "signature"


WRITES: Mapping[By, tuple[WrittenAs, ...]] = {
    By.FILE: (WrittenAs.CSV, WrittenAs.X12, WrittenAs.JSON),
    By.SFTP: (WrittenAs.CSV, WrittenAs.X12, WrittenAs.JSON),
    By.HTTPS: (WrittenAs.JSON,),
    By.EMAIL: (WrittenAs.CSV,),
}
"""Way -> how it can be written; the first unless the rules say another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Auth:
    """How we sign in. The secret has `key`; `user` and `password`; `client_id` and `client_secret`; or `secret`.

    `header` carries the key or the signature, after `prefix`. A signature is HMAC-SHA256 over `over`, which may name
    `{timestamp}` (seconds, also in `timestamp_header`) and `{body}`.
    """

    kind: SignIn = SignIn.NONE
    header: str = ""
    prefix: str = ""
    token_url: str = ""
    scope: str = ""
    over: str = BODY
    timestamp_header: str = ""
    encoding: str = "hex"


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """A supplier's HTTPS API. Empty: it has no such thing.

    `look_url`, asked by GET: 404 in JSON means that the supplier has no such order; `number_at`: path of the number
    in an answer, for one that answers a search; `reason_at`: path of the reason in a refusal; `duplicates`: statuses
    that mean that it has the order already.
    """

    url: str
    cancel_url: str = ""
    look_url: str = ""
    number_at: str = ""
    reason_at: str = ""
    duplicates: tuple[int, ...] = (409,)
    timeout_seconds: int = MOST_TIMEOUT_SECONDS
    idempotency_header: str = ""
    auth: Auth = field(default_factory=Auth)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mail:
    """From whom, and to whom."""

    sender: str
    to: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """A Transfer Family connector, and the folder of the supplier's server that it puts into."""

    connector: str
    folder: str


@dataclass(frozen=True, slots=True, kw_only=True)
class X12:
    """Both parties of an interchange, its version, and the type of our orders (BEG02)."""

    sender: str
    receiver: str
    sender_qualifier: str = "ZZ"
    receiver_qualifier: str = "ZZ"
    version: str = "004010"
    type: str = "DS"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How much a supplier is asked at once and in a minute, and after how many failures it is left alone how long.

    None: nobody counts.
    """

    at_once: int | None = None
    a_minute: int | None = None
    failures: int | None = None
    rests: timedelta = timedelta(minutes=15)

    @property
    def are_none(self) -> bool:
        """Whether nothing is counted."""
        return self.at_once is None and self.a_minute is None and self.failures is None


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """When what waits goes out in one file, by the source's clock, and how many go into one at most."""

    at: tuple[time, ...]
    most: int = 100


USUAL_LIMITS = Limits(failures=5)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """How a source is sent purchase orders.

    `order`, `cancel`: templates of JSON. `unknown_for`: how long an answer to what may have arrived is waited for where
    the way cannot look. `cancels_within`: how long after the send it takes requests to cancel; None: always.
    `batch`: many in one file, None: each in its own. `send`: when; business hours are from `opens` to the cutoff on the
    days of the source's `shipping.cutoff`.
    """

    by: By = By.FILE
    written_as: WrittenAs = WrittenAs.CSV
    mode: Mode = Mode.LIVE
    api: Api | None = None
    mail: Mail | None = None
    connector: Connector | None = None
    x12: X12 | None = None
    order: Any = None
    cancel: Any = None
    limits: Limits = field(default_factory=Limits)
    unknown_for: timedelta = timedelta()
    cancels_within: timedelta | None = None
    send: Send = Send.ANY_TIME
    opens: time = time()
    batch: Batching | None = None

    @property
    def cancels_parts(self) -> bool:
        """Whether a request to cancel says of which lines, and how many units: else it means all of the order."""
        names = set(_names(self.cancel))
        return self.written_as is not WrittenAs.JSON or any(pair <= names for pair in ASKS_FOR)

    @property
    def name(self) -> str:
        """Name the way and the writing, as a purchase order remembers by what it went out."""
        return f"{self.by} {self.written_as}{' test' if self.mode is Mode.TEST else ''}"


AS_FILES = Sending()


def parse(at: Place, key: str) -> Sending:
    """Read `send_by`: `file`, or a table. Raises InvalidInput naming the place, the value and what is allowed there."""
    if at.value(key) in (None, By.FILE.value):
        return AS_FILES
    at = at.child(key)
    by = By(at.one_of("way", *By))
    written_as = WrittenAs(at.one_of("as", *WRITES[by], default=WRITES[by][0]))
    own = () if by is By.FILE else (by.value,)
    how = () if written_as is WrittenAs.CSV else (written_as.value,)
    at.only("way", "as", "mode", "limits", "unknown_hours", "cancel_minutes", "send", "opens", "batch", *own, *how)
    templates = _templates(at.child("json")) if written_as is WrittenAs.JSON else {}
    sending = Sending(
        by=by,
        written_as=written_as,
        mode=Mode(at.one_of("mode", *Mode, default=Mode.LIVE)),
        api=_api(at.child("https")) if by is By.HTTPS else None,
        mail=_mail(at.child("email")) if by is By.EMAIL else None,
        connector=_connector(at.child("sftp")) if by is By.SFTP else None,
        x12=_x12(at.child("x12")) if written_as is WrittenAs.X12 else None,
        order=templates.get("order"),
        cancel=templates.get("cancel"),
        limits=_limits(at.child("limits")) if at.has("limits") else (Limits() if by is By.FILE else USUAL_LIMITS),
        unknown_for=timedelta(hours=at.whole("unknown_hours", 0, 72, default=0)),
        cancels_within=timedelta(minutes=at.whole("cancel_minutes", 0, 30 * 24 * 60))
        if at.has("cancel_minutes")
        else None,
        send=Send(at.one_of("send", *Send, default=Send.ANY_TIME)),
        opens=at.clock("opens") if at.has("opens") else time(),
        batch=_batch(at.child("batch")) if at.has("batch") else None,
    )
    _agrees(at, sending)
    return sending


def _agrees(at: Place, sending: Sending) -> None:
    """Refuse settings that contradict each other."""
    says_test = sending.written_as is WrittenAs.X12 or "$test" in _names(sending.order)
    if sending.mode is Mode.TEST and not says_test:
        raise at.wrong("mode", "test", "test only where what is sent says so: as x12, or by $test in the JSON")
    if sending.batch and (sending.written_as is WrittenAs.JSON or sending.send is Send.BUSINESS_HOURS):
        raise at.wrong("batch", at.value("batch"), "csv or x12 in files, over sftp or by e-mail, and no send beside it")
    if at.has("opens") and sending.send is Send.ANY_TIME:
        raise at.wrong("opens", at.value("opens"), "send: business_hours beside it")
    if sending.api and bool(sending.api.cancel_url) != (sending.cancel is not None):
        raise at.wrong("https.cancel_url", sending.api.cancel_url, "a URL if, and only if, json.cancel is there")


# ---- JSON


def _templates(at: Place) -> dict[str, Any]:
    at.only("order", "cancel")
    made = {"order": _template(at, "order", needs_lines=True)}
    return made | ({"cancel": _template(at, "cancel", needs_lines=False)} if at.has("cancel") else {})


def _template(at: Place, key: str, *, needs_lines: bool) -> Any:  # noqa: ANN401 - any JSON
    template = at.value(key)
    known = OF_AN_ORDER | (OF_A_SHIP_TO if needs_lines else frozenset())
    _check(at, key, template, known)
    names = set(_names(template))
    if not isinstance(template, Mapping) or "$number" not in names:
        raise at.wrong(key, template, "a table that names $number: it is by what an order is known")
    if needs_lines and not any(pair <= names for pair in ASKS_FOR):
        raise at.wrong(key, template, "lines under $lines, with $sku and $units, or $supplier_sku and $supplier_units")
    return template


def _check(at: Place, key: str, template: object, known: frozenset[str]) -> None:
    """Refuse what JSON has not and names that nobody knows; those of a line stand under `$lines` only."""
    match template:
        case str() if template.startswith("$") and not template.startswith("$$") and template not in known:
            raise at.wrong(key, template, f"one of {', '.join(sorted(known | {LINES}))}; $$ begins text with a $")
        case str() | bool() | int() | None:
            return
        case Mapping() if LINES in template:
            if list(template) != [LINES] or known & OF_A_LINE:
                raise at.wrong(key, template, "a table with $lines alone, and no other within it")
            _check(at, key, template[LINES], known | OF_A_LINE)
        case Mapping():
            for name, each in template.items():
                if not isinstance(name, str) or name.startswith("$"):
                    raise at.wrong(key, name, "names of JSON are text, without a $ before it")
                _check(at, key, each, known)
        case list():
            for each in template:
                _check(at, key, each, known)
        case _:
            raise at.wrong(key, template, "text, whole numbers, true, false, lists and tables")


def _names(template: object) -> Iterator[str]:
    match template:
        case str() if template.startswith("$"):
            yield template
        case Mapping():
            for each in template.values():
                yield from _names(each)
        case list():
            for each in template:
                yield from _names(each)


# ---- ways


def _api(at: Place) -> Api:
    at.only(
        "url",
        "cancel_url",
        "look_url",
        "number_at",
        "reason_at",
        "duplicates",
        "timeout_seconds",
        "idempotency_header",
        "auth",
    )
    look_url = _url(at, "look_url") if at.has("look_url") else ""
    if look_url and NUMBER not in look_url:
        raise at.wrong("look_url", look_url, f"a URL with {NUMBER} in it")
    if at.has("number_at") and not look_url:
        raise at.wrong("number_at", at.value("number_at"), "look_url beside it")
    duplicates = at.value("duplicates") if at.has("duplicates") else [409]
    if not isinstance(duplicates, list) or not all(each in DUPLICATES for each in duplicates):
        raise at.wrong("duplicates", duplicates, f"a list of {DUPLICATES}")
    return Api(
        url=_url(at, "url"),
        cancel_url=_url(at, "cancel_url") if at.has("cancel_url") else "",
        look_url=look_url,
        number_at=at.text("number_at") if at.has("number_at") else "",
        reason_at=at.text("reason_at") if at.has("reason_at") else "",
        duplicates=tuple(duplicates),
        timeout_seconds=at.whole("timeout_seconds", 1, MOST_TIMEOUT_SECONDS, default=MOST_TIMEOUT_SECONDS),
        idempotency_header=_header(at, "idempotency_header") if at.has("idempotency_header") else "",
        auth=_auth(at.child("auth")) if at.has("auth") else Auth(),
    )


def _auth(at: Place) -> Auth:
    kind = SignIn(at.one_of("kind", *SignIn))
    match kind:
        case SignIn.KEY:
            at.only("kind", "header", "prefix")
            return Auth(kind=kind, header=_header(at, "header"), prefix=at.text("prefix") if at.has("prefix") else "")
        case SignIn.OAUTH2:
            at.only("kind", "token_url", "scope")
            return Auth(kind=kind, token_url=_url(at, "token_url"), scope=at.text("scope") if at.has("scope") else "")
        case SignIn.SIGNATURE:
            at.only("kind", "header", "prefix", "over", "timestamp_header", "encoding")
            over = at.text("over") if at.has("over") else BODY
            if BODY not in over:
                raise at.wrong("over", over, f"text with {BODY} in it: a signature of nothing protects nothing")
            return Auth(
                kind=kind,
                header=_header(at, "header"),
                prefix=at.text("prefix") if at.has("prefix") else "",
                over=over,
                timestamp_header=_header(at, "timestamp_header") if at.has("timestamp_header") else "",
                encoding=at.one_of("encoding", "hex", "base64", default="hex"),
            )
    at.only("kind")
    return Auth(kind=kind)


def _mail(at: Place) -> Mail:
    at.only("from", "to")
    to = at.texts("to")
    for each in (at.text("from"), *to):
        if not _ADDRESS.fullmatch(each):
            raise at.wrong("from" if each not in to else "to", each, "addresses such as orders@shop.example")
    if not to:
        raise at.wrong("to", [], "an address or more")
    return Mail(sender=at.text("from"), to=to)


def _connector(at: Place) -> Connector:
    at.only("connector", "folder")
    connector, folder = at.text("connector"), at.text("folder")
    if not _CONNECTOR.fullmatch(connector):
        raise at.wrong("connector", connector, "the output ConnectorId of deploy/sftp_connector.yaml: c-...")
    if not _FOLDER.fullmatch(folder):
        raise at.wrong("folder", folder, "a folder from the root, such as /inbound")
    return Connector(connector=connector, folder=folder)


def _x12(at: Place) -> X12:
    at.only("sender", "receiver", "sender_qualifier", "receiver_qualifier", "version", "type")
    for key in ("sender", "receiver"):
        if not _PARTY.fullmatch(at.text(key)):
            raise at.wrong(key, at.text(key), "an identifier of an interchange: up to 15 letters and digits")
    return X12(
        sender=at.text("sender"),
        receiver=at.text("receiver"),
        sender_qualifier=_two(at, "sender_qualifier", "ZZ"),
        receiver_qualifier=_two(at, "receiver_qualifier", "ZZ"),
        version=at.one_of("version", "004010", "005010", default="004010"),
        type=_two(at, "type", "DS"),
    )


def _limits(at: Place) -> Limits:
    at.only("at_once", "a_minute", "failures", "rest_minutes")
    return Limits(
        at_once=at.whole("at_once", 1, 100) if at.has("at_once") else None,
        a_minute=at.whole("a_minute", 1, 6_000) if at.has("a_minute") else None,
        failures=at.whole("failures", 1, 100) if at.has("failures") else None,
        rests=timedelta(minutes=at.whole("rest_minutes", 1, 24 * 60, default=15)),
    )


def _batch(at: Place) -> Batching:
    at.only("at", "most")
    clock = at.value("at")
    if not isinstance(clock, list) or not clock:
        raise at.wrong("at", clock, "a list of times, in quotes: ['10:00', '15:00']")
    return Batching(
        at=tuple(Place(f"{at.path}.at", {str(i): each}).clock(str(i)) for i, each in enumerate(clock)),
        most=at.whole("most", 1, MOST_IN_A_BATCH, default=MOST_IN_A_BATCH),
    )


def _two(at: Place, key: str, default: str) -> str:
    text = at.text(key) if at.has(key) else default
    if not re.fullmatch(r"[0-9A-Z]{2}", text):
        raise at.wrong(key, text, "two digits or capitals, in quotes")
    return text


def _header(at: Place, key: str) -> str:
    text = at.text(key)
    if not _HEADER.fullmatch(text):
        raise at.wrong(key, text, "the name of a header")
    return text


def _url(at: Place, key: str) -> str:
    """Read where requests go: they carry secrets and addresses, so it is https, but for a stand-in on this machine."""
    text = at.text(key).strip()
    try:
        parts = urlsplit(text.replace(NUMBER, "0"))
        is_right = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
        is_right = is_right and bool(parts.hostname) and not (parts.username or parts.fragment)
    except ValueError:
        is_right = False
    host = text.partition("://")[2].partition("/")[0]
    if not is_right or NUMBER in host or not text.isascii() or any(letter.isspace() for letter in text):
        raise at.wrong(key, text, "an https URL without a user or a fragment")
    return text
