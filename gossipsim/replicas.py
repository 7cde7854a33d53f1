"""Many seeds of one scenario at once, over all cores."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from gossipsim.cores import cores
from gossipsim.engines.base import choose
from gossipsim.errors import ScenarioError
from gossipsim.scenario import Scenario
from gossipsim.simulation import check_engine, simulate_world
from gossipsim.trace import Trace
from gossipsim.world import World


def simulate_seeds(
    scenario: Scenario | str | Path | Mapping[str, Any],
    seeds: int | Iterable[int],
    *,
    engine: str = "auto",
    workers: int | None = None,
) -> list[Trace]:
    """Run one scenario with several seeds, in threads that share one compiled engine, one graph, and data that are pinned.

    Machine code runs without Python's global lock, so that every core walks its own replica; a replica's bytes are those of
    the same seed run alone. With `data_seed` the replicas also share the problem and its optimum.

    Parameters
    ----------
    scenario : Scenario, path or mapping
        What to run.
    seeds : int or iterable of int
        The seeds; a number k means 0, ..., k - 1.
    engine : {"auto", "compiled", "processes"}
        As for `simulate`.
    workers : int, optional
        Threads (default: the cores at hand).

    Returns
    -------
    list of Trace
        In the order of the seeds.

    Raises
    ------
    ScenarioError
        No seed, or one that is not a whole number from 0 to 2**63 - 1.

    Examples
    --------
    >>> import gossipsim as gs
    >>> traces = gs.simulate_seeds({
    ...     "topology": {"name": "cycle", "n": 8},
    ...     "problem": {"name": "quadratic", "dim": 3},
    ...     "method": "gossip",
    ...     "run": {"time": 5},
    ... }, seeds=3)
    >>> [trace.scenario.seed for trace in traces]
    [0, 1, 2]
    """
    if isinstance(scenario, str | Path):
        scenario = Scenario.load(scenario)
    elif not isinstance(scenario, Scenario):
        scenario = Scenario.parse(scenario)
    numbers = list(range(seeds)) if isinstance(seeds, int) else list(seeds)
    if not numbers:
        raise ScenarioError("no seeds", key=("seeds",), allowed="at least one")
    replicas = [scenario.replace({"seed": seed}) for seed in numbers]
    check_engine(engine)
    first = World.build(replicas[0])
    if len(replicas) > 1:
        # Trees of source are made here, once: other threads make some too (NumPy reads headers with ast.literal_eval), and
        # Python 3.11 mixes up those of several threads.
        choose(engine, first)
        _ = first.optimum
    shared = first.shared
    del first  # its rows may be large, and so may samples that are not shared

    def run(replica: Scenario) -> Trace:
        began = time.perf_counter()
        return simulate_world(World.build(replica, shared), engine, began=began)

    with ThreadPoolExecutor(workers or cores()) as pool:
        return list(pool.map(run, replicas))
