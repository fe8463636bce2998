"""What AWS charges, in dollars: us-east-1, arm64, on demand, after the free tier; as of August 2026."""

from __future__ import annotations

from dataclasses import dataclass

AS_OF = "2026-08"
MEGABYTES_OF_A_CPU = 1769
"""Memory at which a function has one whole CPU (Lambda developer guide, memory)."""
SQS_CHUNK_BYTES = 64 * 1024
HTTP_API_CHUNK_BYTES = 512 * 1024

CONSTANTS = "constants of the AWS agent toolkit's cost calculator, August 2026"
PRICE_PAGE = "public price page, from memory"


@dataclass(frozen=True, slots=True)
class Price:
    """Dollars for one `unit`. An assumed one is to be looked up before anybody trusts the bill to a tenth."""

    dollars: float
    unit: str
    source: str
    is_assumed: bool = False


WRITE_UNIT = Price(0.625e-6, "write request unit", CONSTANTS)
READ_UNIT = Price(0.125e-6, "read request unit", CONSTANTS)
TABLE_STORAGE = Price(0.25, "GB and month", CONSTANTS)
TABLE_BACKUP = Price(0.20, "GB and month, point-in-time recovery", PRICE_PAGE, is_assumed=True)
LAMBDA_TIME = Price(0.0000133334, "GB and second, arm64", CONSTANTS)
LAMBDA_REQUEST = Price(0.20e-6, "request", PRICE_PAGE, is_assumed=True)
SQS_REQUEST = Price(0.40e-6, "request of up to 64 KB", PRICE_PAGE, is_assumed=True)
S3_PUT = Price(5.00e-6, "PUT or LIST", PRICE_PAGE, is_assumed=True)
S3_GET = Price(0.40e-6, "GET", PRICE_PAGE, is_assumed=True)
S3_STORAGE = Price(0.023, "GB and month", PRICE_PAGE, is_assumed=True)
HTTP_API_REQUEST = Price(1.00e-6, "request of up to 512 KB", PRICE_PAGE, is_assumed=True)
LOG_INGEST = Price(0.50, "GB ingested", PRICE_PAGE, is_assumed=True)
