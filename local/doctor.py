"""Say what this machine lacks, what for, and how to get it. Runs on a bare Python, before anything is installed."""

from __future__ import annotations

import importlib.util
import re
import shutil
import subprocess
import sys

LEAST_PYTHON = (3, 11)
LEAST_JAVA = 17


def main() -> int:
    """Print one line a need; the status is 1 when something is missing."""
    engine = "make engine, make test"
    findings = [
        (
            sys.version_info >= LEAST_PYTHON,
            f"Python {sys.version_info.major}.{sys.version_info.minor}",
            f"everything; needs {LEAST_PYTHON[0]}.{LEAST_PYTHON[1]} or newer (Debian: apt-get install python3)",
        ),
        (bool(importlib.util.find_spec("ensurepip")), "venv", "everything (Debian: apt-get install python3-venv)"),
        (bool(shutil.which("make")), "make", "everything (Debian: apt-get install make)"),
        (bool(shutil.which("git")), "git", "your changes (Debian: apt-get install git)"),
        (
            _java() >= LEAST_JAVA,
            "Java",
            f"{engine}; needs {LEAST_JAVA} or newer (Debian: apt-get install default-jre-headless)",
        ),
        (bool(shutil.which("npm")), "npm", f"{engine}; fetches DynamoDB Local (Debian: apt-get install npm)"),
    ]
    for is_there, what, need in findings:
        print(f"{'ok     ' if is_there else 'MISSING'}  {what:<12} for {need}")
    return 0 if all(is_there for is_there, _, _ in findings) else 1


def _java() -> int:
    if not shutil.which("java"):
        return 0
    told = subprocess.run(["java", "-version"], capture_output=True, text=True, check=False, timeout=30).stderr
    version = re.search(r'version "(\d+)', told)
    return int(version[1]) if version else 0


if __name__ == "__main__":
    sys.exit(main())
