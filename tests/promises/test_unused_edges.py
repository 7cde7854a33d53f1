"""Edges of rate zero never fire, and theory looks at the others only."""

from pathlib import Path

import numpy as np
import pytest

import gossipsim as gs

PAW = {"edges": [[0, 1], [0, 2], [1, 2], [2, 3]]}  # of its triangle the edge 0,1 is better left out


def scenario(rates, method="dadao"):
    return gs.Scenario.parse(
        {
            "topology": PAW,
            "problem": {"name": "quadratic", "dim": 3, "mu": 1.0, "L": 10.0},
            "method": method,
            "rates": rates,
            "run": {"time": 200},
            "record": {"points": 20, "metrics": ["error"]},
        }
    )


def test_pruned_rates_meet_the_condition_with_the_total_that_was_proved():
    world = gs.World.build(scenario({"name": "optimal", "prune": True}))
    star = gs.spectrum(gs.Graph.from_edges(PAW["edges"][1:]), world.rates[1:])
    assert world.rates[0] == 0
    assert world.rates.sum() == pytest.approx(3.0, rel=1e-5)
    assert world.facts.chi_1 == pytest.approx(star.chi_1)
    assert world.facts.chi_2 == pytest.approx(star.chi_2)
    assert 2 * world.facts.chi_1 * world.facts.chi_2 == pytest.approx(1.0)
    assert world.promise.met


def test_rates_of_zero_in_a_file_count_like_edges_that_are_not_there(tmp_path):
    Path(tmp_path, "r.csv").write_text("i,j,rate\n0,1,0\n0,2,1\n1,2,1\n2,3,1\n")
    world = gs.World.build(scenario({"file": str(tmp_path / "r.csv")}))
    assert world.facts.chi_2 == pytest.approx(0.5)
    assert world.promise.met


@pytest.mark.slow
@pytest.mark.parametrize("method", ["dadao", "continuized"])
def test_pruned_edges_never_fire_and_the_others_suffice(method):
    world = gs.World.build(scenario({"name": "optimal", "prune": True, "total": 3.0}, method))
    source, first, clock, pairs = world.events(), 0, 0.0, set()
    while first < 20_000:
        block = source.block(first, clock)
        pairs |= set(zip(block.i.tolist(), block.j.tolist(), strict=True))
        first, clock = first + len(block.t), float(block.t[-1])
    assert {(0, 2), (1, 2), (2, 3)} <= pairs
    assert (0, 1) not in pairs
    trace = gs.simulate(world.scenario)
    error = trace.columns["error"]
    assert np.isfinite(error).all()
    assert error[-1] < 1e-4 * error[0]
