"""Several methods on the same world: one call runs them all, one object holds what came back."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gossipsim.component import plain
from gossipsim.contenders import HOW_TO_TALK, Contender, contenders, in_entry
from gossipsim.course import Progress
from gossipsim.document import Document, yaml_text
from gossipsim.errors import Interrupted, Refused, ScenarioError, shown
from gossipsim.folders import whole_folder
from gossipsim.simulation import simulate
from gossipsim.trace import Trace

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FORMAT = 1
Told = Callable[[int, str], AbstractContextManager[Progress]]
"""Maps a method's number and label to a context that yields what `simulate` reports its progress to."""


@dataclass(frozen=True)
class Comparison:
    """What several methods did on the same world.

    Attributes
    ----------
    given : dict
        The scenario as plain data, with `methods`; files have absolute paths.
    traces : dict
        Label -> `Trace` of every method that ran, in the order of the file.
    refused : dict
        Label -> sentence of every method that declined the scenario.

    Examples
    --------
    >>> found = compare({
    ...     "topology": {"name": "cycle", "n": 8},
    ...     "problem": {"name": "quadratic", "dim": 2},
    ...     "methods": ["dadao", {"name": "dadao", "label": "slow", "gamma": 0.01}],
    ...     "run": {"time": 30},
    ... }, engine="processes")
    >>> list(found.traces), sorted(set(found.frame()["method"]))
    (['dadao', 'slow'], ['dadao', 'slow'])
    """

    given: dict[str, Any]
    traces: dict[str, Trace]
    refused: dict[str, str] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Name of the scenario."""
        return str(self.given.get("name", "scenario"))

    @property
    def metrics(self) -> list[str]:
        """Metrics that every method recorded."""
        rows = [trace.metrics for trace in self.traces.values()]
        return [name for name in (rows[0] if rows else []) if all(name in row for row in rows)]

    def frame(self) -> pd.DataFrame:
        """Return all records as one tidy table: `method` and the columns of `Trace.frame`."""
        import pandas as pd

        frames = [trace.frame() for trace in self.traces.values()]
        for label, frame in zip(self.traces, frames, strict=True):
            frame.insert(0, "method", label)
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"method": []})

    def target(self, metric: str | None = None) -> tuple[str, float | None]:
        """Return a metric (default `error`) and the value that methods race to.

        That is `run.error` when the scenario has it, else the smallest value that more than half of the methods reached,
        those that diverged left out; None when there is none.

        Raises
        ------
        ScenarioError
            A metric that was not recorded by every method.
        """
        names = self.metrics
        if metric is not None and metric not in names:
            raise ScenarioError(f"{shown(metric)} was not recorded by every method", allowed=", ".join(names) or "none")
        metric = metric or ("error" if "error" in names or not names else names[0])
        if self.asked is not None and metric == "error":
            return metric, self.asked
        sound = [trace for trace in self.traces.values() if trace.status != "diverged" and metric in trace.columns]
        best = sorted(float(trace.columns[metric].min()) for trace in sound)
        return metric, best[len(best) // 2] if best else None

    @property
    def asked(self) -> float | None:
        """The error that ends the runs, when the scenario has one."""
        error = (self.given.get("run") or {}).get("error")
        return None if error is None else float(error)

    def table(self, metric: str | None = None) -> pd.DataFrame:
        """Return one row per method: status, last value of the metric, and what it cost to bring it to `target()`.

        The costs are those of the first record at or below the target: `time` (mean gradient times of a unit-rate node),
        `gradients`, `activations` (exchanges) and `bits` of the whole network; missing when it was not reached.
        """
        import pandas as pd

        from gossipsim.comparison_summary import COSTS, rows

        columns = ["method", "status", self.target(metric)[0], *COSTS]
        return pd.DataFrame(rows(self, metric), columns=columns).set_index("method")

    def plot(self, *, y: str | None = None) -> Figure:
        """Draw a metric against time, gradients, exchanges and bits; see `gossipsim.comparison_plot.draw_panels`."""
        from gossipsim.comparison_plot import draw_panels

        return draw_panels(self.traces, y=y, title=self.name)

    def pareto(self, x: str = "time", y: str = "bits", goal: float | None = None) -> Figure:
        """Draw two costs of a goal (default: that of `target`) against each other, a point per method, and the front."""
        from gossipsim.pareto_plot import pareto_of_comparison

        return pareto_of_comparison(self, x, y, goal)

    def dump(self) -> str:
        """Return YAML that `compare` reads: the scenario with `methods`."""
        return yaml_text(self.given)

    def save(self, folder: str | Path, *, picture: bool = False) -> Path:
        """Write one trace folder per method, `comparison.yaml` and `comparison.json` (and `comparison.png`), all or nothing.

        An earlier comparison in the same folder is replaced.

        Raises
        ------
        ScenarioError
            The folder holds something else, or cannot be written.
        """
        folder = Path(folder)
        with whole_folder(folder, is_comparison_result) as draft:
            text = self.dump()
            (draft / "comparison.yaml").write_text(text)
            places = folder_names(list(self.traces))
            for label, trace in self.traces.items():
                trace.save(draft / places[label])
            if picture and self.traces:
                from gossipsim.plot import save

                save(self.plot(), draft / "comparison.png")
            meta = {"format": FORMAT, "results": places, "refused": self.refused, "scenario": _digest(text)}
            (draft / "comparison.json").write_text(json.dumps(meta, indent=2) + "\n")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Comparison:
        """Read what `save` wrote.

        Raises
        ------
        ScenarioError
            Not a comparison, or files that were changed since.
        """
        folder = Path(folder)
        meta = _read_meta(folder)
        text = (folder / "comparison.yaml").read_text()
        if _digest(text) != meta["scenario"]:
            raise ScenarioError("comparison.yaml was changed", file=folder, allowed="a comparison as it was saved")
        traces = {label: Trace.load(folder / place) for label, place in meta["results"].items()}
        return cls(Document.read(text, folder / "comparison.yaml").data, traces, meta["refused"])

    def __repr__(self) -> str:
        parts = [f"{label}: {trace.status}" for label, trace in self.traces.items()]
        return f"<Comparison {self.name!r}: {', '.join([*parts, *(f'{label}: refused' for label in self.refused)])}>"


def compare(
    scenario: str | Path | Mapping[str, Any], *, engine: str = "auto", progress: Progress | None = None
) -> Comparison:
    """Run several methods on the same world: same seed, graph, data and start, and the same clocks where rates agree.

    Parameters
    ----------
    scenario : path or mapping
        A scenario with `methods: [dadao, {name: dadao, label: fast, gamma: 0.1}, ...]` in place of `method`. Besides the
        settings of its method an entry takes `label`, what to call it, and `rates`, `mixing` and `compressor` of its own.
    engine : {"auto", "compiled", "processes"}
        As for `simulate`.
    progress : callable, optional
        Called with the fraction of all methods done, and a short text that begins with the label.

    Returns
    -------
    Comparison
        A method that declines the scenario is in `refused`, with its sentence.

    Raises
    ------
    ScenarioError
        Bad input; the key of an entry reads `methods[1].lr`.
    Interrupted
        Ctrl-C; its `trace` is the comparison so far.
    """
    is_file = isinstance(scenario, str | Path)
    document = Document.load(scenario) if is_file else Document(plain(scenario))  # type: ignore[arg-type]
    if not isinstance(document.data, dict) or "methods" not in document.data:
        raise document.locate(ScenarioError("this scenario has no methods to compare", allowed="methods: [dadao, ...]"))
    entrants = contenders(document)

    def told(k: int, label: str) -> AbstractContextManager[Progress]:
        def say(fraction: float | None, text: str) -> None:
            if progress is not None:
                progress((k + (fraction or 0.0)) / len(entrants), f"{label}: {text}")

        return nullcontext(say)

    return run_all(entrants, document, engine, told)


def run_all(entrants: Sequence[Contender], document: Document, engine: str, told: Told) -> Comparison:
    """Run every contender in turn; faults are located in `document`, those of one method only become refusals."""
    traces: dict[str, Trace] = {}
    refused: dict[str, str] = {}
    faults: list[ScenarioError] = []
    given = _given(entrants)
    for k, entrant in enumerate(entrants):
        if entrant.scenario is None:
            refused[entrant.label] = entrant.refusal
            continue
        try:
            with told(k, entrant.label) as progress:
                traces[entrant.label] = simulate(entrant.scenario, engine=engine, progress=progress)
        except Refused as reason:
            refused[entrant.label] = str(reason)
        except Interrupted as stop:
            raise Interrupted(Comparison(given, {**traces, entrant.label: stop.trace}, refused)) from None
        except ScenarioError as fault:
            fault = located(fault, k, entrant, document)
            if fault.key[:1] == ("engine",):
                raise fault from None
            if fault.key[:1] == ("methods",):
                raise fault from None
            faults.append(fault)
            refused[entrant.label] = str(fault)
    if faults and not traces:
        raise faults[0]
    return Comparison(given, traces, refused)


def located(fault: ScenarioError, k: int, entrant: Contender, document: Document) -> ScenarioError:
    """Return the fault of the scenario of entry k with its key and line in the comparison."""
    return fault if fault.key[:1] == ("engine",) else document.locate(in_entry(fault, k, entrant.entry))


def _given(entrants: Sequence[Contender]) -> dict[str, Any]:
    """Return the comparison as plain data: what the scenarios share, and the entries."""
    found: dict[str, Any] = {}
    for entrant in entrants:
        for key, value in ({} if entrant.scenario is None else entrant.scenario.mapping()).items():
            if key == "method":
                found.setdefault("methods", [each.entry for each in entrants])
            elif key not in HOW_TO_TALK or key not in entrant.entry:
                found.setdefault(key, value)
    return found


def folder_names(labels: Sequence[str]) -> dict[str, str]:
    """Return a folder name for every label, safe and unlike the others on any file system.

    Examples
    --------
    >>> folder_names(["dadao", "Dadao", "rates x2", "../.."])
    {'dadao': 'dadao', 'Dadao': 'Dadao-2', 'rates x2': 'rates-x2', '../..': 'method'}
    """
    found: dict[str, str] = {}
    for label in labels:
        first = re.sub(r"[^\w.=+-]+", "-", label, flags=re.ASCII).strip("-.") or "method"
        place, number = first, 1
        while place.lower() in {taken.lower() for taken in found.values()} | {"comparison.yaml", "comparison.json"}:
            number += 1
            place = f"{first}-{number}"
        found[label] = place
    return found


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def is_comparison_result(folder: Path) -> bool:
    """Return whether a folder holds a finished comparison."""
    try:
        _read_meta(folder)
    except ScenarioError:
        return False
    return True


def _read_meta(folder: Path) -> dict[str, Any]:
    try:
        meta = json.loads((folder / "comparison.json").read_text())
    except (OSError, ValueError):
        meta = None
    kinds = {"format": int, "results": dict, "refused": dict, "scenario": str}
    whole = isinstance(meta, dict) and all(isinstance(meta.get(name), kind) for name, kind in kinds.items())
    if not whole or not (folder / "comparison.yaml").is_file():
        raise ScenarioError("holds no finished comparison", file=folder, allowed="a folder with comparison.json")
    found: dict[str, Any] = meta
    if found["format"] > FORMAT:
        message = f"was written in format {found['format']} by a newer gossipsim"
        raise ScenarioError(message, file=folder, allowed=f"up to {FORMAT}")
    if any(not isinstance(place, str) or Path(place).name != place for place in found["results"].values()):
        raise ScenarioError("names a result outside itself", file=folder, allowed="a comparison as it was saved")
    return found
