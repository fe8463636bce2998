"""`truestock feeds unmapped`, `map`: what suppliers call things that nobody has mapped, and a person's word on it.

A mapping counts without the file being sent again: what the file said of the code is kept, and the functions are asked
to count it. `config push` asks for the codes that it maps in the same way.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from typing import Annotated

import typer

from cli.session import Session, reads, writes
from cli.words import moment
from shared.domain import identity, money, times
from shared.domain.facts import Catalogue, Meaning, SupplierCode
from shared.domain.identity import KnownCode, Suggestion
from shared.domain.messages import CountCode
from shared.domain.names import Sku, SourceId, name
from shared.domain.rules import Source
from shared.errors import InvalidInput
from shared.runtime import clock
from shared.storage.facts import Facts
from shared.storage.supplier_codes import SupplierCodes

MOST_PACK = 1_000_000

SupplierOption = Annotated[str, typer.Option("--supplier", metavar="S", help="A supplier of the rules.")]
MostOption = Annotated[int, typer.Option("--most", min=1, max=identity.MOST_UNMAPPED, help="How many are listed.")]
CodeAndSku = Annotated[
    list[str] | None, typer.Argument(metavar="CODE SKU", help="What the supplier calls it, and what it is to us.")
]
PackOption = Annotated[int, typer.Option("--pack", min=1, max=MOST_PACK, help="Our units in one of the supplier's.")]
DAYS = ["%Y-%m-%d"]
FromOption = Annotated[
    datetime | None, typer.Option("--from", metavar="DAY", formats=DAYS, help="First day; else since ever.")
]
UntilOption = Annotated[
    datetime | None, typer.Option("--until", metavar="DAY", formats=DAYS, help="Last day; else for ever.")
]
SuggestedOption = Annotated[
    bool, typer.Option("--suggested", help="Map every code that one SKU alone is suggested for.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An unmapped code: what the file said of it, in the supplier's units, and what it may be."""

    code: str
    units: int
    told: str
    cost: str
    gtin: str
    line: int
    as_of: str
    file: str
    first_seen: str
    reason: str
    suggestions: tuple[Suggestion, ...]
    command: str

    @property
    def is_certain(self) -> bool:
        """Whether all suggestions are one SKU."""
        return identity.unambiguous(self.suggestions) is not None


@reads
def unmapped(session: Session, supplier: SupplierOption, *, most: MostOption = 100) -> None:
    """List codes of a supplier's files that nobody has mapped: what the file says, and what they may be."""
    source = _source(session, supplier)
    codes = Facts(session.target.stock()).codes
    left, count = codes.left_out(source.source), len(codes.unmapped_codes(source.source))
    found = _listed(session, source, most)
    rows = [
        (
            each.code,
            each.told or each.units,
            each.cost,
            each.gtin,
            moment(each.as_of),
            each.line,
            each.reason,
            _may_be(each),
        )
        for each in found
    ]
    session.table("unmapped codes", ["code", "units", "cost", "GTIN", "as of", "line", "why", "may be"], rows)
    for each in found:
        session.tell(each.command)
    session.tell(
        f"{count} codes of {source.source} are unmapped" + (f", {len(found)} shown" if len(found) < count else "")
    )
    if left.codes:
        session.tell(
            f"{left.codes} more of the file as of {moment(left.as_of)} found no room: map some, or what the shop sells"
        )
    session.answer({"unmapped": count, "left_out": left.codes, "codes": [asdict(each) for each in found]})


@writes
def map_code(
    session: Session,
    supplier: SupplierOption,
    code_and_sku: CodeAndSku = None,
    *,
    pack: PackOption = 1,
    first: FromOption = None,
    until: UntilOption = None,
    suggested: SuggestedOption = False,
) -> None:
    """Say what a supplier's code is to us; what its last file said of it then counts, with no file sent again."""
    source, named = _source(session, supplier), code_and_sku or []
    if len(named) != (0 if suggested else 2):
        raise typer.BadParameter("name a code and a SKU, or take what is --suggested", param_hint="CODE SKU")
    if suggested:
        wanted = _suggested(session, source)
    else:
        code, sku = named
        meaning = Meaning(sku=Sku(name(sku, "sku")), pack=pack, first=_day(first), last=_day(until))
        wanted = [_with(session, source, name(code, "code"), meaning)]
    facts = Facts(session.target.stock())
    difference = facts.difference(Catalogue(products=(), codes=tuple(wanted)))
    is_written = bool(difference.codes) and session.agree([_line(each.after) for each in difference.codes])
    if is_written:
        facts.push(difference, times.text(clock.now()))
        session.tell("mapped; put the same into supplier_skus.csv, which else does not know of it")
        count_mapped(session, [source.source], [each.after for each in difference.codes])
    elif not difference.codes:
        session.tell("nothing to map: nothing was written")
    document = [
        {"code": each.after.code, "meanings": [asdict(m) for m in each.after.meanings]} for each in difference.codes
    ]
    session.answer({"codes": document, "is_written": is_written})


def count_mapped(session: Session, suppliers: Iterable[SourceId], just_mapped: Sequence[SupplierCode] = ()) -> None:
    """Ask for the count of what codes said before they were mapped, and for the end of what they meant.

    Of all that wait for it, not only of those mapped by this call: an earlier one may have broken off before it asked.
    """
    codes = SupplierCodes(session.target.stock())
    asked: list[CountCode] = []
    for supplier in suppliers:
        mine = [each.code for each in just_mapped if each.supplier == supplier]
        known = codes.known(supplier, [*mine, *codes.waiting(supplier)])
        asked += [CountCode(source=supplier, code=code) for code, each in sorted(known.items()) if each.is_unsettled]
    if asked:
        session.target.send("FileQueueUrl", asked)
        session.tell(f"codes whose counts follow: {len(asked)}")


def _source(session: Session, supplier: str) -> Source:
    found = session.target.config().rules(clock.now()).sources.get(SourceId(supplier))
    if found is None:
        raise InvalidInput("the rules name no such supplier", code="supplier_unknown", supplier=supplier)
    return found


def _listed(session: Session, source: Source, most: int) -> list[Listed]:
    facts = Facts(session.target.stock())
    return [listed for known in facts.codes.unmapped(source.source, most) for listed in _list(known, source, facts)]


def _list(known: KnownCode, source: Source, facts: Facts) -> list[Listed]:
    said = known.said
    if said is None:
        return []
    suggestions = facts.suggestions(known.code, said.row.gtin)
    sku = identity.unambiguous(suggestions) or "SKU"
    cost = said.row.cost_minor
    return [
        Listed(
            code=known.code,
            units=said.row.units,
            told=said.row.told,
            cost="" if cost is None else f"{money.decimal(cost, source.currency)} {source.currency}",
            gtin=said.row.gtin,
            line=said.row.line,
            as_of=said.as_of,
            file=said.file,
            first_seen=known.since,
            reason=said.reason,
            suggestions=suggestions,
            command=shlex.join(["truestock", "feeds", "map", "--supplier", source.source, known.code, sku]),
        )
    ]


def _suggested(session: Session, source: Source) -> list[SupplierCode]:
    """Take what is suggested: one SKU for a code that never meant any, and that no other code means or may mean."""
    codes = SupplierCodes(session.target.stock())
    certain = {
        each.code: sku
        for each in _listed(session, source, identity.MOST_UNMAPPED)
        if (sku := identity.unambiguous(each.suggestions)) and each.reason == identity.NEVER_MAPPED
    }
    skus = list(certain.values())
    return [
        SupplierCode(supplier=source.source, code=code, meanings=(Meaning(sku=sku),))
        for code, sku in certain.items()
        if skus.count(sku) == 1 and not codes.codes_of(source.source, sku)
    ]


def _with(session: Session, source: Source, code: str, meaning: Meaning) -> SupplierCode:
    """Add a meaning to those that a code has; one that holds on some of the same days is ended first, by a person."""
    facts = Facts(session.target.stock())
    if meaning.sku not in facts.products([meaning.sku]):
        raise InvalidInput("no product has this SKU", code="sku_unknown", sku=meaning.sku)
    if meaning.first and meaning.last and meaning.first > meaning.last:
        raise InvalidInput("the first day is after the last", code="days_reversed")
    before = facts.codes.meanings(source.source, [code]).get(code)
    kept = [each for each in (before.meanings if before else ()) if each != meaning]
    for each in kept:
        if each.overlaps(meaning):
            raise InvalidInput(
                "the code means something else on some of these days",
                code="code_means_other",
                sku=each.sku,
                first=str(each.first or ""),
                last=str(each.last or ""),
                do="change it in supplier_skus.csv and push",
            )
    in_order = sorted([*kept, meaning], key=lambda each: each.first or date.min)
    return SupplierCode(supplier=source.source, code=code, meanings=tuple(in_order))


def _day(at: datetime | None) -> date | None:
    return at.date() if at else None


def _may_be(listed: Listed) -> str:
    return ", ".join(f"{each.sku} ({each.because})" for each in listed.suggestions)


def _line(code: SupplierCode) -> str:
    """Say a mapping as lines of supplier_skus.csv."""
    return "\n".join(
        f"  {code.supplier},{code.code},{each.sku},{each.pack},{each.first or ''},{each.last or ''}"
        for each in code.meanings
    )
