"""What tests of both engines share: a small world on a network, and what it means that two runs are the same."""

import gossipsim as gs


def scenario(method, wire, fleet, **more):
    return gs.Scenario.parse(
        {
            "seed": 4,
            "topology": {"name": "grid", "n": 9},
            "problem": {"name": "linear_regression", "synthetic": {"samples": 7, "dim": 3}},
            "method": method,
            "wire": wire,
            "fleet": fleet,
            "run": {"time": 40},
            "record": {"points": 5},
        }
        | more
    )


def assert_same(a, b):
    assert a.status == b.status
    for name in a.columns:
        assert a.columns[name].tobytes() == b.columns[name].tobytes(), name
    for name in a.final:
        assert a.final[name].tobytes() == b.final[name].tobytes(), name
