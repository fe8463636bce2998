"""Where flows tell of trouble: it keeps what was opened."""

from __future__ import annotations

from dataclasses import dataclass, field

from shared.domain.problems import Problem, Standing


@dataclass
class FakeProblems:
    """Keeps every opening, a second one of the same too."""

    opened: list[Problem] = field(default_factory=list)

    def open(self, problem: Problem, _now: str) -> bool:
        self.opened.append(problem)
        return True

    def read(self, kind: str, subject: str) -> Standing | None:
        found = (each for each in reversed(self.opened) if (each.kind, each.subject) == (kind, subject))
        return next((Standing(problem=each, opened_at="") for each in found), None)

    def renew(self, problem: Problem) -> bool:
        same = [(each.kind, each.subject) for each in self.opened].index((problem.kind, problem.subject))
        self.opened[same] = problem
        return True

    @property
    def kinds(self) -> list[str]:
        return [problem.kind for problem in self.opened]

    @property
    def found(self) -> list[tuple[str, str]]:
        """What is wrong with what."""
        return [(problem.kind, problem.subject) for problem in self.opened]
