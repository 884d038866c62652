"""What every benchmark shares: taking sides in turns, medians with their spread, and the report."""

import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import orjson

RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One measured thing: every round's value, its unit, and the bar it is held against.

    bar       what design asks for; None: reported only
    at_least  whether more is better
    """

    name: str
    unit: str
    values: Sequence[float]
    bar: float | None = None
    at_least: bool = True

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def verdict(self) -> str:
        """`met`, `missed`, or nothing where there is no bar."""
        if self.bar is None:
            return ""
        met = self.median >= self.bar if self.at_least else self.median <= self.bar
        return "met" if met else "missed"


@dataclass(slots=True, kw_only=True)
class Report:
    """What one benchmark found."""

    name: str
    about: str
    figures: list[Figure] = field(default_factory=list)

    def add(
        self,
        name: str,
        unit: str,
        values: Sequence[float],
        *,
        bar: float | None = None,
        at_least: bool = True,
    ) -> None:
        """Takes a figure in, and says it."""
        figure = Figure(name=name, unit=unit, values=values, bar=bar, at_least=at_least)
        self.figures.append(figure)
        print(f"  {_line(figure)}", flush=True)

    def ratio(self, name: str, ours: Sequence[float], other: Sequence[float], bar: float) -> None:
        """Ours beside another, round by round."""
        self.add(name, "times", [a / b for a, b in zip(ours, other, strict=True)], bar=bar)


def in_turns(
    sides: Mapping[str, Callable[[], float]], *, rounds: int = 3
) -> dict[str, list[float]]:
    """Each side once a round, the order turned round each time: what the machine does meanwhile
    happens to all of them."""
    found: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(rounds):
        names = list(sides)[:: 1 if number % 2 == 0 else -1]
        for name in names:
            found[name].append(sides[name]())
    return found


def keep(report: Report) -> None:
    """Writes `results/<name>.json`, and the page that lists every result there is."""
    RESULTS.mkdir(exist_ok=True)
    document = {**asdict(report), "machine": machine(), "at": time.strftime("%Y-%m-%d")}
    path = RESULTS / f"{report.name}.json"
    path.write_bytes(orjson.dumps(document, option=orjson.OPT_INDENT_2) + b"\n")
    write_page()


def write_page() -> None:
    """`results/README.md`, from the JSON beside it."""
    lines = ["# Results", "", "Written by `make bench`; the raw rounds stand in the JSON beside."]
    for path in sorted(RESULTS.glob("*.json")):
        found = orjson.loads(path.read_bytes())
        where = found["machine"]
        lines += [
            "",
            f"## {found['name']}",
            "",
            found["about"],
            "",
            " · ".join((found["at"], f"{where['cores']} cores", where["python"], where["commit"])),
            "",
            "| figure | median | lowest to highest | bar | |",
            "|---|---|---|---|---|",
        ]
        lines += [_row(Figure(**one)) for one in found["figures"]]
    (RESULTS / "README.md").write_text("\n".join(lines) + "\n")


def machine() -> dict[str, object]:
    """Where it was measured."""
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        capture_output=True,
        text=True,
        check=False,
    )
    return {
        "cores": os.cpu_count(),
        "python": f"Python {platform.python_version()}",
        "system": platform.system(),
        "commit": commit.stdout.strip() or "unknown",
    }


def _row(figure: Figure) -> str:
    low, high = _short(min(figure.values)), _short(max(figure.values))
    bar = ""
    if figure.bar is not None:
        bar = f"{'≥' if figure.at_least else '≤'} {_short(figure.bar)}"
    median = f"{_short(figure.median)} {figure.unit}"
    return f"| {figure.name} | {median} | {low} to {high} | {bar} | {figure.verdict} |"


def _line(figure: Figure) -> str:
    verdict = f"  bar {_short(figure.bar)}: {figure.verdict}" if figure.bar is not None else ""
    low, high = _short(min(figure.values)), _short(max(figure.values))
    return f"{figure.name:<58} {_short(figure.median):>8} {figure.unit:<4} {low}…{high}{verdict}"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.3g}"
