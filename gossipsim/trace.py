"""What comes back from a run: a table of records, the final state, and where it all came from."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.errors import ScenarioError
from gossipsim.folders import whole_folder
from gossipsim.scenario import Scenario

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

FORMAT = 1
COUNTS = ("time", "gradients", "activations", "messages", "bits", "lost")
"""Columns that every trace has, besides one per metric."""


@dataclass(frozen=True, eq=False)
class Trace:
    """The result of one run.

    Attributes
    ----------
    scenario : Scenario
        What was run.
    columns : dict of ndarray, shape (records,)
        `time` (mean gradient times of a unit-rate node), `gradients`, `activations` (exchanges), `messages`, `bits`, `lost`,
        and one column per metric; all nodes are brought to the time of the record before measuring.
    final : dict of ndarray
        The method's vector fields `(n, d)`, every row at that node's own last event time `at` `(n,)`, and `primal` `(n, d)`,
        the estimate of x* that the metrics use, at the end of the run.
    status : str
        "finished", "reached" (a stop rule held), "diverged" or "interrupted".
    meta : dict
        Versions, seed, engine, wall time, constants, residual of the optimum, and what theory promises.
    """

    scenario: Scenario
    columns: dict[str, NDArray[Any]]
    final: dict[str, NDArray[np.float64]]
    status: str
    meta: dict[str, Any] = field(default_factory=dict)

    def frame(self) -> pd.DataFrame:
        """Return the records as a tidy table, one row per record."""
        import pandas as pd

        return pd.DataFrame(self.columns)

    @property
    def metrics(self) -> list[str]:
        """Names of the metric columns."""
        return [name for name in self.columns if name not in COUNTS]

    def __repr__(self) -> str:
        last = ", ".join(f"{name} {self.columns[name][-1]:.3g}" for name in ["time", *self.metrics])
        return f"<Trace {self.scenario.name!r}: {self.status}, {len(self.columns['time'])} records, {last}>"

    def plot(self, *, x: str = "time", y: str | list[str] | None = None, ax: Any = None) -> Figure:
        """Draw metrics against time, gradients, activations, messages or bits; see `gossipsim.plot.draw`."""
        from gossipsim.plot import draw

        return draw([self], x=x, y=y, ax=ax)

    def plot_graph(self) -> Figure:
        """Draw the graph; where clocks of edges ring, edges are coloured by their exchanges per unit time."""
        from gossipsim.graph_plot import draw_graph
        from gossipsim.world import World

        world = World.build(self.scenario)
        ticking = world.method.talks == "clock" and world.recorded is None
        figure = draw_graph(world.graph, world.rates if ticking else None)
        size = f"n = {world.graph.n:,}, m = {world.graph.m:,}"
        rates = f", {self.scenario.rates.name} rates, total {world.rates.sum():.5g}" if ticking else ""
        figure.axes[0].set_title(f"{self.scenario.topology.name}, {size}{rates}", fontsize="medium")
        return figure

    def save(self, folder: str | Path, *, picture: bool = False) -> Path:
        """Write `scenario.yaml`, `trace.parquet`, `final.npz` and `meta.json` (and `trace.png`), all or nothing.

        An earlier result in the same folder is replaced.

        Raises
        ------
        ScenarioError
            The folder holds something that is not a result, or cannot be written.
        """
        folder = Path(folder)
        with whole_folder(folder, is_result) as draft:
            (draft / "scenario.yaml").write_text(self.scenario.dump())
            self.frame().to_parquet(draft / "trace.parquet", index=False)
            np.savez(draft / "final.npz", **self.final)  # type: ignore[arg-type]
            if picture:
                from gossipsim.plot import save

                save(self.plot(), draft / "trace.png")
            files = sorted(draft.iterdir())
            meta = {
                "format": FORMAT,
                "status": self.status,
                **self.meta,
                "files": {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files},
            }
            (draft / "meta.json").write_text(json.dumps(meta, indent=2, allow_nan=True) + "\n")
        return folder

    @classmethod
    def load(cls, folder: str | Path) -> Trace:
        """Read what `save` wrote.

        Raises
        ------
        ScenarioError
            Not a result, or files that were changed since.
        """
        import pandas as pd

        folder = Path(folder)
        meta = _read_meta(folder)
        for name, digest in meta.pop("files").items():
            path = folder / name
            if name != "trace.png" and (not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest):
                raise ScenarioError(
                    f"{name} is missing or was changed", file=folder, allowed="a result as it was saved"
                )
        frame = pd.read_parquet(folder / "trace.parquet")
        with np.load(folder / "final.npz", allow_pickle=False) as archive:
            final = {name: archive[name] for name in archive.files}
        meta.pop("format")
        status = meta.pop("status")
        columns = {str(name): frame[name].to_numpy() for name in frame}
        return cls(Scenario.load(folder / "scenario.yaml"), columns, final, status, meta)


def is_result(folder: Path) -> bool:
    """Return whether a folder holds a finished result."""
    try:
        _read_meta(folder)
    except ScenarioError:
        return False
    return True


def _read_meta(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        raise ScenarioError("no such folder", file=folder, allowed="a result that `gossipsim run` saved")
    try:
        meta = json.loads((folder / "meta.json").read_text())
    except (OSError, ValueError):
        meta = None
    kinds = {"format": int, "status": str, "files": dict}
    whole = isinstance(meta, dict) and all(isinstance(meta.get(name), kind) for name, kind in kinds.items())
    if not whole or not set(meta["files"]) >= {"scenario.yaml", "trace.parquet", "final.npz"}:
        raise ScenarioError("holds no finished result", file=folder, allowed="a folder with meta.json of gossipsim")
    if meta["format"] > FORMAT:
        raise ScenarioError(
            f"was written in format {meta['format']} by a newer gossipsim", file=folder, allowed=f"up to {FORMAT}"
        )
    found: dict[str, Any] = meta
    return found
