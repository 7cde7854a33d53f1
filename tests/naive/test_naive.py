"""Every method against its plain matrix version, on ordinary and nasty worlds."""

import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import gossipsim as gs
from gossipsim.flow import field_at
from gossipsim.methods.base import Method
from gossipsim.modes import spectral_form

sys.path.insert(0, str(Path(__file__).parent))
VERSIONS = [import_module(n) for n in ("matrix_versions", "compressed_versions", "token_versions") if find_spec(n)]

EVENTS, ROUNDS = 300, 60
LINES = {"name": "linear_regression", "synthetic": {"samples": 8, "dim": 3}}
WORLDS = {
    "cycle": {"topology": {"name": "cycle", "n": 6}, "problem": LINES},
    "star": {
        "topology": {"name": "star", "n": 7},
        "problem": {"name": "logistic_regression", "l2": 0.3, "synthetic": {"samples": 9, "dim": 3}},
        "rates": {"name": "degree", "total": 30.0},
    },
    "barbell": {"topology": {"name": "barbell", "n": 8}, "problem": LINES},
    "pair": {"topology": {"name": "path", "n": 2}, "problem": LINES},
}
"""Nearly all with one problem, because every other one is another compilation."""
CURVED = {"dadao", "d_admm", "ssda", "continuized", "extra", "ef21", "sa_srrw", "beer"}


def version(method):
    """Return the matrix version of a method, or None."""
    return next((getattr(module, method) for module in VERSIONS if hasattr(module, method)), None)


def scenario(method, world, **more):
    limit = ROUNDS if Method.registry[method].talks == "round" else EVENTS
    return gs.Scenario.parse(WORLDS[world] | {"method": method, "seed": 3, "run": {"events": limit}} | more)


def build(s):
    """Return the built world, or None when the method declines it."""
    try:
        return gs.World.build(s)
    except gs.Refused:
        return None


@pytest.mark.parametrize("method", sorted(gs.methods()))
def test_every_method_has_a_matrix_version_and_a_world(method):
    assert version(method), f"write the matrix form of {method} in tests/naive"
    assert any(build(scenario(method, world)) for world in WORLDS), f"{method} refuses every world here"


QUICK = {"dadao", "gossip", "ad_psgd", "adom_plus", "msda", "choco_sgd", "push_sum", "mh_walk"}
"""The fast suite has one of each kind, as every other method and world is another compilation."""


@pytest.mark.parametrize("start", ["zeros", "normal"])
@pytest.mark.parametrize(
    ("method", "world"),
    [
        pytest.param(method, world, marks=[] if method in QUICK and world in {"barbell", "cycle"} else pytest.mark.slow)
        for method in sorted(gs.methods())
        for world in WORLDS
        if world != "star" or method in CURVED or Method.registry[method].server
    ],
)
def test_engine_follows_the_matrix_version(method, world, start):
    s = scenario(method, world, init=start)
    built = build(s)
    if built is None:
        pytest.skip(f"{method} refuses this world")
    block = built.events().block(0, 0.0).part(0, s.run.events)
    want = version(method)(built, list(zip(*(c.tolist() for c in block), strict=True)))
    trace = gs.simulate(s)
    matrix = built.method.flow_matrix(built.facts)
    form = None if matrix is None else spectral_form(matrix)
    fields = built.method.vectors()
    rows = built.start_rows()
    rows["at"] = trace.final["at"]
    for name in fields:
        rows[name] = trace.final[name]
    size = max(np.abs(array).max() for array in want.values()) + 1e-300
    assert built.method.primal in want
    for name in want:
        now = field_at(form, rows, fields, name, float(block.t[-1]))
        assert np.abs(now - want[name]).max() <= 1e-10 * size, name
