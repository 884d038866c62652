"""What `relay up` tells a person once it answers, and the file that keeps the same facts."""

import os
from pathlib import Path
from typing import Any

import orjson

Welcome = dict[str, Any]

FILE = "welcome.json"


def keep(home: Path, document: Welcome) -> None:
    """Writes `welcome.json`, readable by its owner alone, whole or not at all."""
    fresh = home / f".{FILE}.new"
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    fresh.replace(home / FILE)


def kept(home: Path) -> Welcome | None:
    """The document of the first start; None where there is none."""
    try:
        document: Welcome = orjson.loads((home / FILE).read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return None
    return document


def moved(document: Welcome, url: str) -> Welcome:
    """The same document at another address: PORT may differ from start to start."""
    before = str(document.get("url", "")).rstrip("/")
    if not before or before == url:
        return document
    text = orjson.dumps(document).replace(before.encode(), url.encode())
    again: Welcome = orjson.loads(text)
    return again


def text(document: Welcome, *, command: str, path: Path) -> str:
    """The welcome for a terminal; short where the document holds no secrets to show."""
    if "login" not in document:
        return f"\nRelay is running at {document['url']}. Ctrl-C stops everything.\n"
    login, api, inbound = document["login"], document["api"], document["inbound"]
    return f"""
Relay is running.

  Dashboard     {document["url"]}
  Sign in       {login["email"]}  /  {login["password"]}
  API key       {api["key"]}
  API secret    {api["secret"]}
  Inbound URL   {inbound["url"]}  ({inbound["type"]})

Send something in:

  {inbound["curl"]}

and see what became of it:

  {command} event list

The same facts stand in {path}. Ctrl-C stops everything.
"""
