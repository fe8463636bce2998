"""The merchant's files: `rules.yaml`, `rates.yaml` and the csv files of one folder, read and checked as a whole."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from cli import rules_file
from cli.facts_files import FactsReader
from cli.mistakes import Mistake, WrongFile
from shared.domain.facts import Catalogue
from shared.domain.names import ChannelId
from shared.domain.platforms import SHOPIFY
from shared.domain.rules import Rules
from shared.runtime import clock

A_DAY = timedelta(days=1)
"""Somewhere it is tomorrow already."""


@dataclass(frozen=True, slots=True)
class Configuration:
    """What a folder says: the document of the rules as written and as read, and the facts."""

    document: object
    rules: Rules
    facts: Catalogue


def _selling(rules: Rules) -> list[ChannelId]:
    """Name the channels that products.csv itself lists on."""
    active = {each.channel: each.platform for each in rules.active_channels}
    return [channel for channel, platform in active.items() if platform == SHOPIFY] or list(active)


def read(folder: Path) -> Configuration:
    """Read and check a folder. Raises WrongFile with all mistakes in it."""
    said = rules_file.read(folder / "rules.yaml")
    channels = said.names("channels")
    selling = _selling(said.rules) if said.rules else ()
    reader = FactsReader(folder, channels=channels, suppliers=said.names("sources"), selling=selling)
    facts = reader.read()
    mistakes = [*said.mistakes, *reader.mistakes]
    if said.rules and said.rules.rates and said.rules.rates.as_of > clock.now() + A_DAY:
        told = "as_of lies ahead: rates of a day to come would be believed for longer than max_age_days"
        mistakes.append(Mistake(folder / rules_file.RATES, 0, told))
    if mistakes or said.rules is None:
        raise WrongFile(mistakes)
    return Configuration(said.document, said.rules, facts)
