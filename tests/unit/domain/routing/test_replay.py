from __future__ import annotations

import json
import os
import pickle
import subprocess
import sys
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum
from typing import Any

import pytest

from bench import routing_cases as cases
from shared.domain.names import Sku, SourceId
from shared.domain.routing import digest, problem
from shared.domain.routing.planner import plan

NOW = datetime(2026, 6, 3, 12, tzinfo=UTC)
IN_ANOTHER_PROCESS = """
import pickle, sys
from shared.domain.routing.planner import plan
from tests.unit.domain.routing import test_replay as here
asked = pickle.loads(sys.stdin.buffer.read())
sys.stdout.buffer.write(pickle.dumps([here.written(plan(*each)) for each in asked]))
"""


def written(value: object) -> Any:  # noqa: ANN401 - what json takes
    if is_dataclass(value):
        return {f.name: written(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, dict):
        return [[written(key), written(held)] for key, held in value.items()]
    if isinstance(value, tuple | list):
        return [written(each) for each in value]
    return str(value) if isinstance(value, date) else value


def _demanding(seed: int) -> cases.Asked:
    _, (demands, candidates, policy, now), _ = cases.mixed(seed)
    cutoff = problem.Cutoff(
        at=time(14), zone="Europe/Berlin", holidays=frozenset({date(2026, 6, 4), date(2026, 6, 8), date(2026, 12, 25)})
    )
    limits = problem.ShipTo(countries=frozenset({"DE", "AT", "FR"}), without_regions=frozenset({"BY", "BE", "HH"}))
    dressed = [
        replace(c, supplier=replace(c.supplier, cutoff=cutoff, ship_to=limits, currency="USD")) for c in candidates
    ]
    rates = problem.Rates(
        rates={"USD": Decimal("0.92"), "GBP": Decimal("1.17")}, as_of=now - timedelta(days=1), max_age_days=3
    )
    demands = replace(demands, rejected_by=frozenset({(SourceId("00"), Sku("S0")), (SourceId("09"), Sku("S1"))}))
    return demands, dressed, replace(policy, rates=rates), now


@pytest.mark.parametrize("hash_seed", ["0", "4711"])
def test_another_process_gives_the_same_plan_to_the_last_word(hash_seed: str) -> None:
    asked = [_demanding(seed) for seed in range(40)]
    here = [written(plan(*each)) for each in asked]
    there = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", IN_ANOTHER_PROCESS],
        input=pickle.dumps(asked),
        capture_output=True,
        check=True,
        env=dict(os.environ) | {"PYTHONHASHSEED": hash_seed},  # noqa: TID251 - that is what is tried
    )
    assert json.dumps(pickle.loads(there.stdout)) == json.dumps(here)  # noqa: S301 - our own


def test_a_plan_of_rebuilt_inputs_is_the_same_though_no_two_candidates_share_a_supplier() -> None:
    for seed in range(40):
        demands, candidates, policy, now = _demanding(seed)
        rebuilt = [pickle.loads(pickle.dumps(candidate)) for candidate in candidates]  # noqa: S301 - our own
        assert json.dumps(written(plan(demands, rebuilt, policy, now))) == json.dumps(
            written(plan(demands, candidates, policy, now))
        )


def _another(value: Any) -> Any:  # noqa: ANN401, PLR0911 - a way out for each kind of value
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + 1
    if isinstance(value, StrEnum):
        return next(each for each in type(value) if each is not value)
    if isinstance(value, str):
        return value + "x"
    if isinstance(value, frozenset):
        return value - {min(value)} if value else frozenset({"x"})
    if isinstance(value, datetime):
        return value + timedelta(days=1)
    if isinstance(value, time):
        return time(3)
    if isinstance(value, dict):
        return {**value, "CHF": Decimal(2)}
    return ()


def _changed(value: Any) -> list[tuple[str, Any]]:  # noqa: ANN401 - any part of a problem
    # One field of it, or of what it holds, at a time.
    found = []
    for each in fields(value):
        held = getattr(value, each.name)
        if is_dataclass(held):
            found += [(f"{each.name}.{name}", replace(value, **{each.name: new})) for name, new in _changed(held)]
        elif held is None:
            found.append((each.name, replace(value, **{each.name: 1})))
        elif held != _another(held):
            found.append((each.name, replace(value, **{each.name: _another(held)})))
    return found


def test_whatever_changes_in_an_input_changes_its_digest() -> None:
    demands, candidates, policy, now = _demanding(7)
    tariff = problem.Tariff(countries=frozenset({"DE"}), brackets=(problem.Bracket(upto=5, price_minor=7),))
    first = replace(candidates[0], supplier=replace(candidates[0].supplier, tariffs=(tariff,), surcharges=()))
    digests = {digest.digest(demands, [first], policy, now)}
    told = [(name, (demands, [new], policy, now)) for name, new in _changed(first)]
    told += [(name, (new, [first], policy, now)) for name, new in _changed(demands)]
    told += [
        (name, (replace(demands, lines=(new, *demands.lines[1:])), [first], policy, now))
        for name, new in _changed(demands.lines[0])
    ]
    told += [(name, (demands, [first], new, now)) for name, new in _changed(policy)]
    for name, (asked, offered, rules, at) in told:
        found = digest.digest(asked, offered, rules, at)
        assert found not in digests, name
        digests.add(found)
    assert len(told) > 50
