"""Every method against its plain matrix version, on ordinary and nasty worlds."""

import sys
from pathlib import Path

import numpy as np
import pytest

import gossipsim as gs
from gossipsim.flow import field_at, spectral_form

sys.path.insert(0, str(Path(__file__).parent))
import matrix_versions

EVENTS = 400
WORLDS = {
    "cycle": {"topology": {"name": "cycle", "n": 6}, "problem": {"name": "quadratic", "dim": 3, "mu": 0.5, "L": 4.0}},
    "star": {
        "topology": {"name": "star", "n": 7},
        "problem": {"name": "logistic_regression", "l2": 0.3, "synthetic": {"samples": 9, "dim": 3}},
        "rates": {"name": "degree", "total": 30.0},
    },
    "barbell": {
        "topology": {"name": "barbell", "n": 8},
        "problem": {"name": "linear_regression", "synthetic": {"samples": 8, "dim": 3}},
    },
    "pair": {"topology": {"name": "path", "n": 2}, "problem": {"name": "quadratic", "dim": 3}},
}


def test_every_method_has_a_matrix_version():
    missing = [name for name in gs.methods() if not hasattr(matrix_versions, name)]
    assert not missing, f"write the matrix form of {missing} in tests/naive/matrix_versions.py"


@pytest.mark.parametrize("kappa_start", ["zeros", "normal"])
@pytest.mark.parametrize("world", WORLDS)
@pytest.mark.parametrize("method", sorted(gs.methods()))
def test_engine_follows_the_matrix_version(method, world, kappa_start):
    s = gs.Scenario.parse(WORLDS[world] | {"method": method, "init": kappa_start, "seed": 3, "run": {"events": EVENTS}})
    built = gs.World.build(s)
    block = built.events().block(0, 0.0).part(0, EVENTS)
    want = getattr(matrix_versions, method)(built, list(zip(*(c.tolist() for c in block), strict=True)))
    trace = gs.simulate(s)
    matrix = built.method.flow_matrix(built.facts)
    form = None if matrix is None else spectral_form(matrix)
    fields = built.method.vectors()
    rows = built.start_rows()
    rows["at"] = trace.final["at"]
    for name in fields:
        rows[name] = trace.final[name]
    size = max(np.abs(array).max() for array in want.values()) + 1e-300
    for name in fields:
        now = field_at(form, rows, fields, name, float(block.t[-1]))
        assert np.abs(now - want[name]).max() <= 1e-10 * size, name
