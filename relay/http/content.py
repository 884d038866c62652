"""An answer's bytes without their encoding. We ask for none; some servers compress all the same."""

import zlib

_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_EITHER = 32 + zlib.MAX_WBITS  # whichever of the two headers the bytes begin with


def plain(content: bytes, encoding: str | None, limit: int) -> tuple[bytes, bool]:
    """At most `limit` bytes, unpacked, and whether there was more. What we cannot unpack stays as
    it came."""
    more = len(content) > limit
    if encoding is not None and encoding.strip().lower() in _PACKED:
        unpacker = zlib.decompressobj(_EITHER)
        try:
            # Never more than is wanted: a few bytes may stand for gigabytes.
            content = unpacker.decompress(content, limit + 1)
        except zlib.error:
            pass
        else:
            more = more or len(content) > limit
    return content[:limit], more
