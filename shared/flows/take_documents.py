"""A supplier's file of documents -> each settled or held, a 997 for what was X12, a report; then it leaves `in/`.

Every step may be done again: documents know what became of them, the 997 has one control number a file, and a file is
kept and reported before it goes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from shared.domain import times
from shared.domain.documents import AdviceFault, Advised, Verdict
from shared.domain.problems import Problem
from shared.domain.rules import Rules, Source
from shared.errors import InvalidInput, Rejected
from shared.flows.settle_documents import Came, SettleDocuments
from shared.formats import document_files, document_reports, x12_824, x12_997, x12_writer
from shared.formats.document_files import Found
from shared.formats.document_reports import Told
from shared.formats.x12_envelope import Group, Interchange
from shared.formats.x12_writer import Body, Partnership, Party
from shared.storage.documents import Documents, Entry, State
from shared.storage.files import Arrival, Files, Opened
from shared.storage.problems import Problems
from shared.suppliers.contract import Folder, NotTaken

DROP_AGAIN = "read its report; have the supplier send the file anew, or mend its profile and drop it into in/ again"


SEND_ANSWER = "see why files do not reach the supplier, and put this one there: it lies in out/"


@dataclass(slots=True)
class TakeDocuments:
    """Takes files of documents. `folder` answers where files for a source are put."""

    files: Files
    documents: Documents
    settle: SettleDocuments
    problems: Problems
    folder: Callable[[Source], Folder]

    def run(
        self, opened: Opened, arrival: Arrival, kept: str, source: Source, rules: Rules, now: datetime
    ) -> Counter[str] | None:
        """Take a file; say what was counted, None where it is a stock file. `kept`: where it is kept.

        One with a document that is held lies in `held/` as well. What can be read of a file that is cut off stands;
        the rest is told to a person.
        """
        name = arrival.key.rpartition("/")[2]
        kind = document_files.kind_of(opened.file, source, name)
        if kind is None:
            return None
        counted: Counter[str] = Counter()
        found: list[Found] = []
        failure: InvalidInput | None = None
        try:
            found.extend(document_files.read(opened.file, source, kind, opened.sha256))
        except InvalidInput as stopped:
            failure = stopped
        ended: list[Entry] = []
        for at, each in enumerate(found):
            came = Came(file=kept, name=name, place=at, received_at=arrival.stored_at)
            word, entry = self.settle.run(each, source, came, rules, now)
            counted[word] += 1
            ended.append(entry)
        if kind == document_files.X12 and failure is None:
            self._acknowledge(found, arrival, source, now)
            self._advise(found, ended, arrival, source, now)
        if failure:
            counted["FileHeld"] += 1
            problem = Problem.of("file_held", f"{source.source} {name}"[:100], failure, DROP_AGAIN, {"file": kept})
            self.problems.open(problem, times.text(now))
        for place in {kept, *(each.file for each in ended if each.state is State.HELD)}:
            self.files.keep(arrival, place)
        self._report(source, kept, arrival.file, ended, failure)
        self.files.remove(arrival)
        return counted

    def again(self, entry: Entry, source: Source) -> Found | None:
        """Read a document again from the file where it is kept; None when it is gone."""
        with self.files.open(entry.file) as opened:
            if opened is None:
                return None
            kind = document_files.kind_of(opened.file, source, entry.name)
            if kind is None:
                return None
            found = list(document_files.read(opened.file, source, kind, opened.sha256))
            return found[entry.place] if entry.place < len(found) else None

    def _acknowledge(self, found: Sequence[Found], arrival: Arrival, source: Source, now: datetime) -> None:
        """Say to a partner which of its documents could be read; never to a stranger, and never of a 997."""
        groups: dict[tuple[Interchange, Group], list[Found]] = {}
        for each in found:
            if each.received and document_files.is_theirs(each.received.interchange, source.answers.partner):
                groups.setdefault((each.received.interchange, each.received.group), []).append(each)
        bodies = [
            (x12_997.NUMBER, x12_997.body(x12_997.answer(group.functional_id, group.control, _read(sets))))
            for (_, group), sets in groups.items()
            if group.functional_id != x12_997.FUNCTIONAL_ID
        ]
        if bodies and source.answers.acknowledge:
            (received, *_), *_ = groups.values()
            name = arrival.file.replace("#", "-")
            self._answer(received, (name, x12_997.NUMBER, x12_997.FUNCTIONAL_ID), bodies, arrival, source, now)

    def _advise(
        self, found: Sequence[Found], ended: Sequence[Entry], arrival: Arrival, source: Source, now: datetime
    ) -> None:
        """Tell a partner that takes it of what could be read and is held all the same; never a stranger."""
        told = [
            (each, _advised(each, entry))
            for each, entry in zip(found, ended, strict=True)
            if entry.state is State.HELD
            and each.document
            and each.received
            and document_files.is_theirs(each.received.interchange, source.answers.partner)
        ]
        if not told or not source.answers.advise:
            return
        name = arrival.file.replace("#", "-") + "-824"
        body = x12_824.body(
            arrival.file[-x12_824.LONGEST_REFERENCE :], arrival.stored_at.date(), [one for _, one in told]
        )
        about = (name, x12_824.NUMBER, x12_824.FUNCTIONAL_ID)
        self._answer(told[0][0], about, [(x12_824.NUMBER, body)], arrival, source, now)

    def _answer(
        self,
        to: Found,
        about: tuple[str, str, str],
        bodies: Sequence[tuple[str, Body]],
        arrival: Arrival,
        source: Source,
        now: datetime,
    ) -> None:
        """Write sets to whom a file is from, once. `about`: a name of the answer, its number and functional id."""
        name, number, functional_id = about
        told = self.documents.acknowledge(source.source, name)
        if told["is_written"] or to.received is None:
            return
        outer, group = to.received.interchange, to.received.group
        partnership = Partnership(
            sender=_party(outer.receiver, outer.receiver_qualifier, group.receiver),
            receiver=_party(outer.sender, outer.sender_qualifier, group.sender),
            version=group.version if group.version in x12_writer.VERSIONS else "004010",
            is_test=outer.is_test,
        )
        control = int(told["control"])
        body = x12_writer.interchange(partnership, functional_id, bodies, control=control, at=arrival.stored_at)
        file = f"{number}-{control:09}.x12"
        try:
            self.folder(source).send_answer(source.source, file, body)
        except (Rejected, NotTaken) as failure:
            subject = f"{source.source} {arrival.file}"[:100]
            problem = Problem.of("answer_not_sent", subject, failure, SEND_ANSWER, {"file": file})
            self.problems.open(problem, times.text(now))
        self.documents.is_told(told)

    def _report(
        self, source: Source, place: str, file: str, ended: Sequence[Entry], failure: InvalidInput | None
    ) -> None:
        told = [
            Told(type=each.type, number=each.number, about=each.about, state=each.state, findings=each.findings)
            for each in ended
        ]
        about = (source.source, file, told, str(failure or ""))
        at = f"out/{source.source}/reports/{place.rpartition('/')[2]}"
        self.files.put(f"{at}.json", document_reports.to_json(*about), "application/json")
        self.files.put(f"{at}.txt", document_reports.to_text(*about), "text/plain; charset=utf-8")


def _party(name: str, qualifier: str, group: str) -> Party:
    return Party(id=name.strip(), qualifier=qualifier, group_id=group.strip())


def _advised(found: Found, entry: Entry) -> Advised:
    if found.document is None or found.received is None:
        raise AssertionError("what cannot be read is answered by a 997")
    first = found.document.origin.spot.segment
    return Advised(
        verdict=Verdict.REJECTED,
        qualifier=x12_824.OUR_REFERENCE,
        reference=entry.number,
        group_control=found.received.group.control,
        set_control=found.received.control,
        set_number=found.received.number,
        faults=tuple(
            AdviceFault(code=each.code, text=each.text, in_set=max(each.segment - first + 1, 0), value=each.value)
            for each in entry.findings
        ),
    )


def _read(sets: Sequence[Found]) -> list[x12_997.Read]:
    return [
        x12_997.Read(number=each.received.number, control=each.received.control, findings=each.received.findings)
        for each in sets
        if each.received
    ]
