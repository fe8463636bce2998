"""Print the API's description: `python -m functions.operations_api.openapi > docs/openapi.json`."""

from __future__ import annotations

import json
import sys

from functions.operations_api.handler import app


def description() -> str:
    """Describe the API as OpenAPI 3.1, JSON with sorted keys."""
    schema = app.get_openapi_json_schema(
        title="Truestock operations",
        version="1",
        description="Every number explained. Requests are signed by AWS_IAM.",
    )
    return json.dumps(json.loads(schema), indent=2, sort_keys=True) + "\n"


if __name__ == "__main__":
    sys.stdout.write(description())
