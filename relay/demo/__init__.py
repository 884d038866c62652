"""`relay demo`: the whole story on a fresh home, over sockets, against the sandboxes."""

from relay.demo.story import tell

__all__ = ["tell"]
