"""ministack 1.5.33 with one mend; runs on the emulator's own interpreter.

It saves how far each function has read a table's stream, but not the stream: after a restart the place lies past
the end of what is then written, and functions are not told of it. Without the place they begin at what is new,
which is all there is.
"""

from __future__ import annotations

import sys
from typing import Any

from ministack.app import main  # type: ignore[import-not-found]  # installed over there
from ministack.services import lambda_svc  # type: ignore[import-not-found]  # likewise

_restore = lambda_svc._restore_esm_positions  # noqa: SLF001 - there is no other way in


def _restore_but_streams(store: Any, positions: Any) -> None:  # noqa: ANN401 - the emulator's own
    if store is not lambda_svc._dynamodb_stream_positions:  # noqa: SLF001 - as above
        _restore(store, positions)


if __name__ == "__main__":
    lambda_svc._restore_esm_positions = _restore_but_streams  # noqa: SLF001 - as above
    sys.exit(main())
