"""The dashboard's own files, served under names that hold their hash, so they may be kept."""

import gzip
import hashlib
from functools import cache
from pathlib import Path

from flask import Response, abort, make_response, request

from relay.web.dashboard.blueprint import pages

FOLDER = Path(__file__).parent / "static"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_FOR_EVER = "public, max-age=31536000, immutable"


class Asset:
    """One file, read and compressed once."""

    def __init__(self, path: Path) -> None:
        self.body = path.read_bytes()
        self.packed = gzip.compress(self.body, 9, mtime=0)
        self.type = _TYPES[path.suffix]
        digest = hashlib.sha256(self.body).hexdigest()[:12]
        self.name = f"{path.stem}.{digest}{path.suffix}"


@cache
def _assets() -> dict[str, Asset]:
    return {path.name: Asset(path) for path in sorted(FOLDER.iterdir()) if path.suffix in _TYPES}


@cache
def _by_hashed_name() -> dict[str, Asset]:
    return {asset.name: asset for asset in _assets().values()}


def asset_url(name: str) -> str:
    """The address of one of our files."""
    return f"/static/{_assets()[name].name}"


@pages.get("/static/<name>", endpoint="static_file")
def static_file(name: str) -> Response:
    asset = _by_hashed_name().get(name)
    if asset is None:
        abort(404)
    packed = request.accept_encodings["gzip"] > 0
    response = make_response(asset.packed if packed else asset.body)
    response.headers["Content-Type"] = asset.type
    response.headers["Cache-Control"] = _FOR_EVER
    response.headers["Vary"] = "Accept-Encoding"
    if packed:
        response.headers["Content-Encoding"] = "gzip"
    return response
