from __future__ import annotations

from pathlib import Path

import pytest

from deploy import check_artifact

AARCH64, X86_64 = 183, 62
CORE = "Dependencies/python/pydantic_core"
GOOD_MODULE = f"{CORE}/_core.cpython-313-aarch64-linux-gnu.so"


def elf(machine: int) -> bytes:
    return b"\x7fELF" + bytes(14) + machine.to_bytes(2, "little") + bytes(44)


@pytest.fixture
def functions(tmp_path: Path) -> Path:
    folder = tmp_path / "functions"
    for name in ("process_orders", "reconcile"):
        put(folder / name / "handler.py", b"")
    return folder


@pytest.fixture
def artifact(tmp_path: Path) -> Path:
    folder = tmp_path / "build"
    put(folder / "template.yaml", b"")
    put(folder / "ProcessOrders/functions/process_orders/handler.py", b"")
    put(folder / "Reconcile/functions/reconcile/handler.py", b"")
    put(folder / GOOD_MODULE, elf(AARCH64))
    put(folder / "Dependencies/python/other.abi3.so", elf(AARCH64))
    put(folder / "Dependencies/python/other.libs/libssl.so.3", elf(AARCH64))
    return folder


def put(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def test_a_sound_artifact_has_no_fault(artifact: Path, functions: Path) -> None:
    assert list(check_artifact.faults(artifact, functions)) == []


@pytest.mark.parametrize(
    ("_case", "path", "content", "fault"),
    [
        ("another machine", GOOD_MODULE, elf(X86_64), f"{GOOD_MODULE} is for machine 62, not aarch64 (183)"),
        ("not a library", GOOD_MODULE, b"import this\n" * 9, f"{GOOD_MODULE} is not ELF"),
        ("cut short", GOOD_MODULE, elf(AARCH64)[:19], f"{GOOD_MODULE} is not ELF"),
        (
            "another Python",
            f"{CORE}/_core.cpython-311-aarch64-linux-gnu.so",
            elf(AARCH64),
            f"{CORE}/_core.cpython-311-aarch64-linux-gnu.so is named neither cpython-313 nor abi3",
        ),
        (
            "a bundled library of another machine",
            "Dependencies/python/other.libs/libssl.so.3",
            elf(X86_64),
            "Dependencies/python/other.libs/libssl.so.3 is for machine 62, not aarch64 (183)",
        ),
        (
            "a library in a function's own code",
            "Reconcile/shared/fast.so",
            elf(AARCH64),
            "Reconcile/shared/fast.so is named neither cpython-313 nor abi3",
        ),
    ],
)
def test_a_library_that_lambda_cannot_load_is_a_fault(
    _case: str, path: str, content: bytes, fault: str, artifact: Path, functions: Path
) -> None:
    put(artifact / path, content)

    assert list(check_artifact.faults(artifact, functions)) == [fault]


def test_a_function_without_its_handler_is_a_fault(artifact: Path, functions: Path) -> None:
    (artifact / "ProcessOrders/functions/process_orders/handler.py").unlink()

    assert list(check_artifact.faults(artifact, functions)) == [
        "ProcessOrders: no handler functions/process_orders/handler.py"
    ]


def test_a_function_that_was_not_built_is_a_fault(artifact: Path, functions: Path) -> None:
    put(functions / "operations_api/handler.py", b"")

    assert list(check_artifact.faults(artifact, functions)) == ["operations_api: was not built"]


def test_an_artifact_without_its_layer_is_a_fault(artifact: Path, functions: Path) -> None:
    (artifact / "Dependencies").rename(artifact.parent / "elsewhere")

    assert list(check_artifact.faults(artifact, functions)) == ["Dependencies: no folder python"]


def test_a_function_and_its_layer_have_a_limit_together(
    artifact: Path, functions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(artifact / "Reconcile/functions/data.bin", bytes(400))
    layer = check_artifact.size_of(artifact / "Dependencies")
    monkeypatch.setattr(check_artifact, "LIMIT_BYTES", layer + 400)

    assert list(check_artifact.faults(artifact, functions)) == [
        f"Reconcile: {layer + 400} bytes with its layer, the limit is {layer + 400}"
    ]


def test_the_command_prints_sizes_and_fails_with_the_faults(
    artifact: Path, functions: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(functions.parent)
    assert check_artifact.main([str(artifact)]) == 0
    assert "artifact is sound: 3 native libraries" in capsys.readouterr().out

    put(artifact / GOOD_MODULE, elf(X86_64))
    assert check_artifact.main([str(artifact)]) == 1
    assert f"artifact: {GOOD_MODULE} is for machine 62" in capsys.readouterr().err
