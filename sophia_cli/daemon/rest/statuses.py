"""Which HTTP status each error code is; the codes are those of the command line."""

from __future__ import annotations

STATUSES = {
    "invalid_input": 422,
    "usage": 422,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "method_not_allowed": 405,
    "timeout": 408,
    "conflict": 409,
    "refused": 409,
    "precondition_failed": 412,
    "too_large": 413,
    "rate_limited": 429,
    "failed": 500,
    "configuration": 500,
    "internal": 500,
    "unreachable": 503,
    "tier_down": 503,
    "interrupted": 503,
    "out_of_space": 507,
}
