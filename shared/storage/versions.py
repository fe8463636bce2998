"""Objects of a bucket with all their versions: what is deleted here is gone, and leaves no delete marker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from shared.errors import Transient

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


@dataclass(frozen=True, slots=True)
class Version:
    """One version of an object, or a delete marker. `is_newest`: it is what a reader of the key sees."""

    key: str
    version: str
    is_newest: bool
    is_marker: bool


@dataclass(slots=True)
class Versions:
    """Lists, reads and deletes versions of one bucket. Calls raise Transient when the store does not do it."""

    client: S3Client
    bucket: str

    def below(self, prefix: str) -> Iterator[list[Version]]:
        """Yield everything whose key begins with a prefix, a page of up to 1,000 at a time."""
        request: dict[str, Any] = {"Bucket": self.bucket, "Prefix": prefix}
        while True:
            with _answering("list versions"):
                page = self.client.list_object_versions(**request)
            yield [
                Version(each["Key"], each["VersionId"], each["IsLatest"], is_marker)
                for is_marker, found in ((False, page.get("Versions", [])), (True, page.get("DeleteMarkers", [])))
                for each in found
            ]
            if not page["IsTruncated"]:
                return
            request |= {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page["NextVersionIdMarker"]}

    def read(self, version: Version) -> bytes:
        """Return the bytes of a version."""
        with _answering("get version"):
            found = self.client.get_object(Bucket=self.bucket, Key=version.key, VersionId=version.version)
            return found["Body"].read()

    def delete(self, found: list[Version]) -> int:
        """Delete up to 1,000 versions for good; return how many objects and older versions, markers left out."""
        if found:
            named = [{"Key": each.key, "VersionId": each.version} for each in found]
            with _answering("delete versions"):
                answer = self.client.delete_objects(Bucket=self.bucket, Delete={"Objects": named, "Quiet": True})  # type: ignore[typeddict-item]
            if refused := answer.get("Errors"):
                code = refused[0].get("Code", "")
                raise Transient("the store kept versions", code="versions_kept", kept=len(refused), service_code=code)
        return sum(not each.is_marker for each in found)

    def wipe(self, prefix: str) -> Iterator[int]:
        """Delete everything whose key begins with a prefix, a page at a time; yield how many of each were deleted.

        The next page is listed when the last one is gone, so it may be left off after any.
        """
        while found := next(self.below(prefix)):
            yield self.delete(found)


@contextmanager
def _answering(doing: str) -> Iterator[None]:
    try:
        yield
    except ClientError as error:
        code = error.response["Error"]["Code"]
        raise Transient("the store refused", code="versions", doing=doing, service_code=code) from error
    except BotoCoreError as error:
        raise Transient("the store did not answer", code="versions", doing=doing, error=type(error).__name__) from error
