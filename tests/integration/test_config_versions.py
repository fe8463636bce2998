from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from shared.errors import InvalidInput, Transient
from shared.runtime.settings import settings
from shared.storage.config import Config

if TYPE_CHECKING:
    from tests.integration.conftest import Aws

NOW = datetime(2026, 11, 23, tzinfo=UTC)


@pytest.fixture
def config(aws: Aws) -> Config:
    return Config(aws.s3, settings().config_bucket)


def document(config: Config, version: str) -> dict[str, Any]:
    found: dict[str, Any] = config.document()
    return found | {"version": version}


def test_a_version_is_kept_with_who_pushed_it_and_why(config: Config) -> None:
    config.push(document(config, "v2"), actor="José", reason="100 % Weiß\nzweite Zeile ")

    newest, first = config.versions(10)

    assert (newest.version, newest.actor, newest.reason) == ("v2", "José", "100 % Weiß\nzweite Zeile ")
    assert (newest.is_current, first.is_current) == (True, False)
    assert config.rules(NOW).version == "v2"


def test_a_version_can_be_read_when_it_is_current_no_more(config: Config) -> None:
    (before,) = config.versions(1)
    config.push(document(config, "v2"))

    assert config.document(before.id) == document(config, before.version)
    assert before.version != "v2"


def test_equal_rules_make_no_version(config: Config) -> None:
    config.push(config.document(), actor="ada")

    assert len(config.versions(10)) == 1


def test_only_as_many_versions_as_asked_for_are_returned(config: Config) -> None:
    for n in range(3):
        config.push(document(config, f"v{n}"))

    assert [each.version for each in config.versions(2)] == ["v2", "v1"]


def test_ids_are_found_by_how_they_begin(config: Config) -> None:
    config.push(document(config, "v2"))
    newest, _ = config.versions(2)

    assert config.ids(newest.id[:8]) == [newest.id]
    assert len(config.ids("")) == 2


def test_rules_over_a_megabyte_are_refused(config: Config) -> None:
    with pytest.raises(InvalidInput) as refused:
        config.push(document(config, "v" * 1_000_000))

    assert refused.value.code == "rules_large"
    assert len(config.versions(10)) == 1


def test_what_json_cannot_say_is_refused(config: Config) -> None:
    with pytest.raises(InvalidInput) as refused:
        config.push(document(config, "v2") | {"since": NOW})

    assert refused.value.code == "rules_not_plain"


def test_a_reason_that_metadata_cannot_hold_is_refused(config: Config) -> None:
    with pytest.raises(InvalidInput) as refused:
        config.push(document(config, "v2"), reason="ü" * 400)

    assert refused.value.code == "notes_long"


def test_without_rules_there_is_no_document(aws: Aws, config: Config) -> None:
    aws.s3.delete_object(Bucket=config.bucket, Key="rules.json")

    assert config.document() is None


def test_a_bucket_that_is_away_is_no_missing_document(aws: Aws) -> None:
    with pytest.raises(Transient) as failed:
        Config(aws.s3, "no-such-bucket").document()

    assert failed.value.details["service_code"] == "NoSuchBucket"
