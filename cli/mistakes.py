"""Mistakes in the merchant's files: where each stands, what it is, and what to do."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake; `line` 0 is the file as a whole."""

    file: Path
    line: int
    told: str

    def __str__(self) -> str:
        """Say it as one line: `config/kits.csv: line 4: ...`."""
        return f"{self.file}: line {self.line}: {self.told}" if self.line else f"{self.file}: {self.told}"


class WrongFile(Exception):
    """A folder has mistakes; the message says all of them, a line each."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        super().__init__("\n".join(map(str, mistakes)))
        self.mistakes = tuple(mistakes)


def read_text(file: Path) -> str:
    """Read a file as UTF-8, with or without a byte order mark. Raises WrongFile."""
    try:
        return file.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise WrongFile([Mistake(file, 0, f"cannot be read: {error.strerror}")]) from error
    except UnicodeDecodeError as error:
        raise WrongFile([Mistake(file, 0, f"not UTF-8, byte {error.start}: save it as UTF-8")]) from error
