"""The time that a file itself says it was taken at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from shared.domain.numerals import Number
from shared.errors import InvalidInput

EXCEL = "excel"
FIRST_SERIAL, LAST_SERIAL = 20_000, 80_000
"""Serial days from 1954 to 2119: a number beyond is no date of a stock file."""
_DAY_ZERO = datetime(1899, 12, 30)  # noqa: DTZ001 - a wall clock, its zone is the profile's
SECONDS_OF_A_DAY = 86_400


@dataclass(frozen=True, slots=True, kw_only=True)
class AsOf:
    """Where a file says its time, and how.

    `at`: a cell as spreadsheets name it (`B1`: second cell of the first line), in fixed width a line and a span
    (`1:10-18`), else a path from the root. `format`: as of `strptime`; empty: ISO 8601; `excel`: serial days.
    `zone`: of a time that names none; empty: the source's.
    """

    at: str
    format: str = ""
    zone: str = ""

    def read(self, text: str, zone: str) -> datetime:
        """Read the time. An hour that the clock shows twice is the earlier one, for an older count is the safer."""
        try:
            wall = self._wall(text.strip() if type(text) is str else text)
            return (wall if wall.tzinfo else wall.replace(tzinfo=ZoneInfo(self.zone or zone))).astimezone(UTC)
        except (ValueError, OverflowError) as error:
            told = {"value": text[:40], "format": self.format or "ISO 8601"}
            raise InvalidInput("the time of the file cannot be read", code="as_of_unreadable", **told) from error

    def _wall(self, text: str) -> datetime:
        if isinstance(text, Number) or self.format == EXCEL:
            return _of_serial(text)
        return datetime.strptime(text, self.format) if self.format else datetime.fromisoformat(text)  # noqa: DTZ007


def _of_serial(text: str) -> datetime:
    days = float(Number(text).plain)
    if not FIRST_SERIAL <= days <= LAST_SERIAL:
        raise ValueError("no serial day of a date")
    return _DAY_ZERO + timedelta(seconds=round(days * SECONDS_OF_A_DAY))
