"""Replicas over all cores give the bytes of the same seeds run one by one."""

import pytest

import gossipsim as gs

SCENARIO = {
    "topology": {"name": "grid", "n": 9},
    "problem": {"name": "linear_regression", "synthetic": {"samples": 7, "dim": 3}},
    "method": "dadao",
    "run": {"time": 40},
    "record": {"points": 9, "metrics": ["error", "consensus"]},
}


@pytest.mark.parametrize(("workers", "pinned"), [(1, False), (2, False), (5, False), (2, True)])
def test_replicas_are_the_single_runs(workers, pinned):
    seeds = [3, 0, 2**40, 7, 1]
    given = SCENARIO | {"problem": SCENARIO["problem"] | ({"data_seed": 4} if pinned else {})}
    together = gs.simulate_seeds(given, seeds, workers=workers)
    for seed, trace in zip(seeds, together, strict=True):
        alone = gs.simulate(given | {"seed": seed})
        assert trace.scenario == alone.scenario
        for name in alone.final:
            assert trace.final[name].tobytes() == alone.final[name].tobytes()
        for name in alone.columns:
            assert trace.columns[name].tobytes() == alone.columns[name].tobytes()


def test_seeds_are_checked():
    with pytest.raises(gs.ScenarioError, match="seeds"):
        gs.simulate_seeds(SCENARIO, [])
    with pytest.raises(gs.ScenarioError, match="seed"):
        gs.simulate_seeds(SCENARIO, [-1])


def test_pinned_data_are_built_once():
    pinned = gs.Scenario.parse(SCENARIO | {"problem": SCENARIO["problem"] | {"data_seed": 4}})
    first = gs.World.build(pinned)
    other = gs.World.build(pinned.replace({"seed": 9}), first.shared)
    assert other.objective is first.objective
    assert other.graph is first.graph
    free = gs.World.build(gs.Scenario.parse(SCENARIO))
    assert free.shared.objective is None
