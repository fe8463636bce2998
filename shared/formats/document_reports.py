"""What became of a supplier's documents, as a document for programs and as a page for people."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass

from shared.domain.documents import Finding

SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """One document: which, what it is about, what became of it, why."""

    type: str
    number: str
    about: str
    state: str
    findings: Sequence[Finding] = ()


def to_json(source: str, file: str, documents: Sequence[Told], failure: str) -> bytes:
    """Write a report for programs."""
    told = [{**asdict(each), "findings": [asdict(found) for found in each.findings]} for each in documents]
    report = {"schema": SCHEMA, "source": source, "file": file, "failure": failure, "documents": told}
    return json.dumps(report, indent=1, ensure_ascii=False).encode()


def to_text(source: str, file: str, documents: Sequence[Told], failure: str) -> bytes:
    """Write a report for people."""
    told = [file, f"supplier {source}, {len(documents)} documents", ""]
    for each in documents:
        told.append(f"{each.type} {each.number} about {each.about or 'no purchase order'}: {each.state}")
        told += [f"  {place(found)}" for found in each.findings]
    if failure:
        told.append(f"the rest of the file cannot be read: {failure}")
    return ("\n".join(told) + "\n").encode()


def place(finding: Finding) -> str:
    """Say where something is wrong, and what."""
    where = [f"{finding.name} {finding.element or ''}".strip(), f"segment or line {finding.segment}"]
    where += [f"{finding.in_set} of its set"] if finding.in_set else []
    # repr, for a value may hold what moves a terminal's cursor
    value = f": {finding.value!r}" if finding.value else ""
    return f"{', '.join(each for each in where if each)}, byte {finding.byte}{value}: {finding.text} ({finding.code})"
