"""A file of X12 -> the documents in it, each read or refused by itself; nothing of a refused one may be used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from shared.domain.answer_profiles import AnswerProfile
from shared.domain.documents import Document, DocumentRefused, Finding
from shared.formats import x12_824, x12_855, x12_856, x12_865, x12_997
from shared.formats.x12_envelope import Envelopes, Group, Interchange, TransactionSet
from shared.formats.x12_reading import Reading

READERS: Mapping[str, Callable[[Reading], Document]] = {
    "824": x12_824.read,
    "855": x12_855.read,
    "856": x12_856.read,
    "865": x12_865.read,
    "997": x12_997.read,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One transaction set of a file.

    `document` is None where `findings` say why it is refused; `remarks` are odd and can be read; `unknown` counts
    segments that no reader has.
    """

    number: str
    control: str
    group: Group
    interchange: Interchange
    document: Document | None
    findings: tuple[Finding, ...] = ()
    remarks: tuple[Finding, ...] = ()
    unknown: Mapping[str, int] = field(default_factory=dict)


class Documents:
    """Reads a file set by set. `findings` of its envelopes are complete once all were read."""

    def __init__(self, file: BinaryIO, profile: AnswerProfile, zone: str) -> None:
        self._envelopes = Envelopes(file)
        self._profile = profile
        self._zone = zone

    @property
    def findings(self) -> list[Finding]:
        """What does not add up about the envelopes."""
        return self._envelopes.findings

    def received(self) -> Iterator[Received]:
        """Yield every set. Raises InvalidInput where the file is no X12, or is cut off: the sets before it stand."""
        for each in self._envelopes.sets():
            yield self._read(each)

    def _read(self, found: TransactionSet) -> Received:
        reading = Reading(found, self._profile, self._zone)
        before = len(self.findings)
        document: Document | None = None
        reader = READERS.get(found.number)
        try:
            if reader:
                document = reader(reading)
            else:
                reading.find("set_not_read", "this kind of document is not read here", found.header, 1)
        except DocumentRefused:
            pass  # its findings are the reading's
        for _ in found.body:
            pass
        counts = tuple(self.findings[before:])
        refused = bool(reading.findings) or (bool(counts) and self._profile.counts == "refuse")
        return Received(
            number=found.number,
            control=found.control,
            group=found.group,
            interchange=found.interchange,
            document=None if refused else document,
            findings=(*reading.findings, *counts) if refused else (),
            remarks=tuple(reading.remarks) if refused else (*reading.remarks, *counts),
            unknown=dict(reading.unknown),
        )
