"""Rule files as a person names them."""

from pathlib import Path

import click

from relay.cli.invocation import Invocation


def texts_at(invocation: Invocation, path: Path | None) -> dict[str, str]:
    """The files, text by the path that a person knows them by. Exit status 2 where there are
    none."""
    place = path or invocation.settings.rules_dir
    files = sorted(place.glob("*.yaml")) if place.is_dir() else [place]
    try:
        found = {_named(file): file.read_text("utf-8") for file in files}
    except (OSError, UnicodeDecodeError) as error:
        raise click.UsageError(f"{place} cannot be read: {error}") from error
    if not found:
        raise click.UsageError(f"there are no rule files in {place}")
    return found


def _named(file: Path) -> str:
    here = Path.cwd()
    whole = file.absolute()
    return str(whole.relative_to(here)) if whole.is_relative_to(here) else str(file)
