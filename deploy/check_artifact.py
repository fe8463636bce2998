"""Check that a built artifact is what Lambda's arm64 python3.13 can run.

Every function has its handler, every native module is an aarch64 one for CPython 3.13 (or the stable ABI), and a
function with its layer stays under Lambda's limit. Uses the standard library only: any interpreter of the host will do.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

LAYER = "Dependencies"
# "250 MB unzipped, including layers": docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
LIMIT_BYTES = 250 * 1024 * 1024
MACHINE_AARCH64 = 183  # e_machine, ELF for the Arm 64-bit architecture
HEADER_BYTES = 20  # up to and with e_machine
NATIVE = re.compile(r"\.so(\.\d+)*$")
MODULE = re.compile(r"\.(cpython-313-aarch64-linux-gnu|abi3)\.so$")


def folder_of(logical_id: str) -> str:
    """Give the folder of a function: `ProcessOrders` -> `process_orders`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", logical_id).lower()


def files_of(directory: Path) -> list[Path]:
    """List every file below a directory."""
    return sorted(path for path in directory.rglob("*") if path.is_file())


def size_of(directory: Path) -> int:
    """Sum the bytes of every file below a directory."""
    return sum(path.stat().st_size for path in files_of(directory))


def fault_of_native(path: Path) -> str | None:
    """Say what is wrong with a native library, None if Lambda can load it."""
    with path.open("rb") as file:
        header = file.read(HEADER_BYTES)
    if header[:4] != b"\x7fELF" or len(header) < HEADER_BYTES:
        return "is not ELF"
    machine = int.from_bytes(header[18:20], "little")
    if machine != MACHINE_AARCH64:
        return f"is for machine {machine}, not aarch64 ({MACHINE_AARCH64})"
    # What a wheel bundles in <name>.libs is no module and keeps its own name.
    if not path.parent.name.endswith(".libs") and not MODULE.search(path.name):
        return "is named neither cpython-313 nor abi3"
    return None


def faults(artifact: Path, functions: Path) -> Iterator[str]:
    """Yield what is wrong with an artifact, given the folder of the functions that it was built from."""
    layer = artifact / LAYER
    if not (layer / "python").is_dir():
        yield f"{LAYER}: no folder python"
    built = {folder_of(path.name): path for path in artifact.iterdir() if path.is_dir() and path.name != LAYER}
    for name in sorted({path.parent.name for path in functions.glob("*/handler.py")} - set(built)):
        yield f"{name}: was not built"
    for name, directory in sorted(built.items()):
        if not (directory / "functions" / name / "handler.py").is_file():
            yield f"{directory.name}: no handler functions/{name}/handler.py"
        total = size_of(directory) + size_of(layer)
        if total >= LIMIT_BYTES:
            yield f"{directory.name}: {total} bytes with its layer, the limit is {LIMIT_BYTES}"
    for path in files_of(artifact):
        if NATIVE.search(path.name) and (fault := fault_of_native(path)):
            yield f"{path.relative_to(artifact)} {fault}"


def main(arguments: list[str]) -> int:
    """Print the sizes and the faults of the artifact; answer 1 if there is any fault."""
    artifact = Path(arguments[0])
    layer_bytes = size_of(artifact / LAYER)
    for directory in sorted(path for path in artifact.iterdir() if path.is_dir() and path.name != LAYER):
        own = size_of(directory)
        sys.stdout.write(
            f"{directory.name:<20} {own / 1e6:6.2f} MB, with its layer {(own + layer_bytes) / 1e6:6.2f} MB\n"
        )
    natives = sum(bool(NATIVE.search(path.name)) for path in files_of(artifact))
    found = list(faults(artifact, Path("functions")))
    for fault in found:
        sys.stderr.write(f"artifact: {fault}\n")
    if not found:
        sys.stdout.write(f"artifact is sound: {natives} native libraries, all aarch64\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
