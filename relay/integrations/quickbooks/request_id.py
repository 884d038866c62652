"""The keys under which QuickBooks does a thing once."""

import hashlib

from relay.integration import Call

# developer.intuit.com, "requestid": at most 50 characters, unique in a company.
LONGEST = 50


def request_id(call: Call, *parts: str) -> str:
    """The call's own key; with `parts`, that of one more thing that the same call creates."""
    if not parts and len(call.key) <= LONGEST:
        return call.key
    whole = "\x1f".join((call.key, *parts)).encode()
    return hashlib.sha256(whole).hexdigest()[:LONGEST]
