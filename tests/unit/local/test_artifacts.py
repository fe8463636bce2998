from __future__ import annotations

import io
import zipfile

from local.cloud import ROOT
from local.deploy import content_hash, own_files, zip_own


def test_the_code_lies_under_its_repository_paths_compiled_and_without_this_machines_caches() -> None:
    files = own_files()

    with zipfile.ZipFile(io.BytesIO(zip_own(files))) as packed:
        names = set(packed.namelist())
        source = packed.read("shared/errors.py")

    assert source == (ROOT / "shared" / "errors.py").read_bytes()
    assert {name for name in names if "__pycache__" not in name} == {str(file.relative_to(ROOT)) for file in files}
    assert sum(name.endswith(".pyc") for name in names) == sum(name.endswith(".py") for name in names)
    assert {name.split("/")[0] for name in names} == {"functions", "shared"}


def test_content_names_the_artifact() -> None:
    some, *others = own_files()

    assert content_hash([some, *others]) == content_hash([some, *others])
    assert content_hash([some]) != content_hash(others)
