"""Where a run diverges, when the state is too large for a copy: the engine runs again from time 0."""

import pytest

import gossipsim as gs
from gossipsim.engines import divergence

RUNS = {
    "clocks": {"method": {"name": "dadao", "beta_tilde": 24.0}, "rates": {"name": "uniform", "total": 8.0}},
    "rounds": {"method": {"name": "d_psgd", "lr": 3.0}},
    "token": {"method": {"name": "mh_walk", "lr": 3.0}},
    "network": {
        "method": {"name": "async_dsgd", "lr": 3.0},
        "wire": {"latency": 0.3, "loss": 0.1},
        "fleet": {"churn": {"name": "alternating", "state": "kept", "up": 50.0, "down": 1.0}},
    },
}


@pytest.mark.needs_compiler
@pytest.mark.parametrize(
    "name", ["clocks", "rounds", *(pytest.param(name, marks=pytest.mark.slow) for name in ("token", "network"))]
)
def test_without_a_copy_node_and_time_are_the_same(name, monkeypatch):
    given = gs.Scenario.parse(
        {
            "topology": {"name": "cycle", "n": 8},
            "problem": {"name": "quadratic", "dim": 2},
            "run": {"time": 30000},
            "record": {"points": 5},
        }
        | RUNS[name]
    )
    whole = gs.simulate(given)
    assert whole.status == "diverged"
    monkeypatch.setattr(divergence, "_KEPT", 0)
    lean = gs.simulate(given)
    assert lean.meta["diverged"] == whole.meta["diverged"]
    for field, array in whole.final.items():
        assert array.tobytes() == lean.final[field].tobytes()
