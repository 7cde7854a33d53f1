"""The part of a sweep in which varied keys, or the seed, have some values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from gossipsim.errors import ScenarioError, nearest, shown

if TYPE_CHECKING:
    from gossipsim.sweeps import Sweep


def part(sweep: Sweep, values: Mapping[str, Any]) -> Sweep:
    """Return the runs with these values; see `Sweep.where`."""
    runs = list(sweep.runs)
    for name, wanted in values.items():
        key = name.replace("__", ".")
        if key not in [*sweep.keys, "seed"]:
            hint = nearest(key, sweep.keys)
            raise ScenarioError(f"{shown(key)} is not varied", allowed=", ".join([*sweep.keys, "seed"]), hint=hint)
        some = wanted if isinstance(wanted, list | tuple | range) else [wanted]
        have = list(dict.fromkeys(run.values[key] if key in sweep.kinds else run.seed for run in runs))
        runs = [run for run in runs if (run.values[key] if key in sweep.kinds else run.seed) in some]
        if not runs:
            raise ScenarioError(f"no run has {key} = {shown(wanted)}", allowed=", ".join(map(str, have)))
    outcomes = {run.id: sweep.outcomes[run.id] for run in runs if run.id in sweep.outcomes}
    return type(sweep)(sweep.given, sweep.kinds, runs, outcomes)
