"""A sweep as an xarray Dataset: one dimension per varied key, the seeds, and the records."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from gossipsim.trace import COUNTS

if TYPE_CHECKING:
    from xarray import Dataset

    from gossipsim.sweeps import Sweep


def to_xarray(sweep: Sweep) -> Dataset:
    """Return all records on the grid of the varied keys.

    Dimensions are the varied keys (their dots written as two underscores, `topology__n`, as in `Sweep.where`), `seed` and
    `record`, the number of the record in its run. Variables are `time`, the counts and the metrics, all as floating-point
    numbers, and `status` and `records` (how many) without the dimension `record`. What was not run, or ended earlier, is NaN,
    its `status` is `missing`. A sweep of `mode: zip` fills only the combinations that it ran. Attributes: `name` and
    `scenario` (YAML); of the variables, `long_name` and `units`.

    Examples
    --------
    >>> import gossipsim as gs
    >>> found = gs.sweep({
    ...     "topology": {"name": "cycle", "n": 8},
    ...     "problem": {"name": "quadratic", "dim": 2},
    ...     "method": "dadao",
    ...     "run": {"time": 20},
    ...     "record": {"points": 10},
    ... }, vary={"topology.n": [4, 8]}, seeds=3, backend="serial", engine="processes")
    >>> data = to_xarray(found)
    >>> dict(data.sizes)
    {'topology__n': 2, 'seed': 3, 'record': 11}
    >>> data.error.isel(record=-1).median("seed").dims
    ('topology__n',)
    """
    import xarray as xr

    from gossipsim.document import yaml_text

    keys, outcomes = sweep.keys, sweep.outcomes
    axes: dict[str, list[Any]] = {key: list(dict.fromkeys(run.values[key] for run in sweep.runs)) for key in keys}
    axes["seed"] = list(dict.fromkeys(run.seed for run in sweep.runs))
    place = {name: {value: k for k, value in enumerate(values)} for name, values in axes.items()}
    columns = {run.id: outcomes[run.id].columns for run in sweep.runs if run.id in outcomes}
    longest = max((len(each["time"]) for each in columns.values() if each), default=0)
    shape = tuple(map(len, axes.values()))
    names = [*COUNTS, *dict.fromkeys(name for each in columns.values() for name in each if name not in COUNTS)]
    found = {name: np.full((*shape, longest), np.nan) for name in names}
    status = np.full(shape, "missing", dtype="<U11")
    records = np.zeros(shape, dtype=np.int64)
    for run in sweep.runs:
        if run.id in columns:
            here: tuple[Any, ...] = (*(place[key][run.values[key]] for key in keys), place["seed"][run.seed])
            status[here] = outcomes[run.id].status
            for name, column in columns[run.id].items():
                records[here] = len(column)
                found[name][(*here, slice(len(column)))] = column
    dims = [*(_dimension(key) for key in keys), "seed"]
    variables: dict[str, Any] = {name: ([*dims, "record"], values, _attributes(name)) for name, values in found.items()}
    variables |= {"status": (dims, status), "records": (dims, records)}
    coordinates = {_dimension(name): _coordinate(values) for name, values in axes.items()}
    return xr.Dataset(variables, coordinates, {"name": sweep.name, "scenario": yaml_text(sweep.given)})


def _dimension(key: str) -> str:
    return key.replace(".", "__")


def _coordinate(values: list[Any]) -> Any:
    """Return labels of one type; where a key does not apply the label is NaN, or the text `none`."""
    if None not in values:
        return np.array(values)
    numbers = all(
        isinstance(value, int | float) and not isinstance(value, bool) for value in values if value is not None
    )
    rest = np.nan if numbers else "none"
    return np.array([rest if value is None else value if numbers else str(value) for value in values])


def _attributes(name: str) -> dict[str, str]:
    from gossipsim.plot import X_AXES, label_of

    units = {"time": "mean gradient times", "bits": "bit"}
    if name in units:
        return {"long_name": X_AXES[name].split(" (")[0], "units": units[name]}
    return {"long_name": X_AXES.get(name) or label_of(name)}
