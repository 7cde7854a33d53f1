"""No method ends silently at a wrong point when messages are lost or nodes are away: it arrives, warns, or declines."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

import gossipsim as gs
from gossipsim.errors import Refused
from gossipsim.manual import family_named

ROOT = Path(__file__).parents[2]
METHODS = sorted(family_named("methods").registry.items())


def script():
    found = importlib.util.spec_from_file_location("make_robustness", ROOT / "docs" / "make_robustness.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


robustness = script()
PAGE = (ROOT / "docs" / "robustness.md").read_text(encoding="utf-8")


def test_all_nodes_of_the_same_objective_seek_the_vector_of_ones():
    scenario = gs.Scenario.load(ROOT / "scenarios" / "robustness" / "same_loss.yaml")
    objective = scenario.problem.build(20, 0)
    points = np.random.default_rng(0).standard_normal((20, 3))
    np.testing.assert_array_equal(objective.local_gradients(points), points - 1.0)


def test_the_rows_of_gossip_are_as_written():
    method = dict(METHODS)["gossip"]
    found = robustness.cells(method)
    assert robustness.row(method, found) in PAGE
    assert all(cell.honest and not cell.warned for cell in found.values())


def test_the_page_says_of_every_method_what_a_lost_message_does():
    assert "\n".join(robustness.rules()) in PAGE
    for name, _ in METHODS:
        assert PAGE.count(f"\n| `{name}` |") == 1


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dadao", "push_sum", "ad_psgd", "d_admm", "diging", "sgp", "choco_gossip", "ef21"])
def test_rows_of_the_page_are_up_to_date(name):
    """One method of each kind: the script itself stops at a method that ends silently at a wrong point."""
    method = dict(METHODS)[name]
    assert robustness.row(method, robustness.cells(method)) in PAGE, "run python docs/make_robustness.py"


def test_the_page_names_every_method_and_every_rule():
    rows = {line.split("`")[1] for line in PAGE.splitlines() if line.startswith("| `")}
    assert rows == {name for name, _ in METHODS}
    assert "\n".join(robustness.rules()) in PAGE


@pytest.mark.parametrize(
    ("errors", "honest"), [((1e-7,), True), ((1e-3,), False), ((1e-2, 1e-3), True), ((1e-2, 5e-3), False)]
)
def test_a_limit_is_honest_when_it_is_the_optimum_or_falls_with_the_step(errors, honest):
    assert robustness.Cell(errors).honest == honest
    assert robustness.Cell(errors, warned=True).honest
    assert robustness.Cell((), refused=True).honest


def warnings(method, harm, **more):
    """Return the warnings of a world, or None when it is refused."""
    try:
        return gs.World.build(robustness.world(method, "different", harm)[0].replace(more)).warnings
    except Refused:
        return None


@pytest.mark.parametrize("method", [method for _, method in METHODS], ids=[name for name, _ in METHODS])
def test_warnings_come_with_what_they_are_about(method):
    assert not warnings(method, "no harm")
    lost, away = warnings(method, "10 % lost"), warnings(method, "20 % away")
    if lost is None:
        assert away is None
        assert robustness.rule(method).startswith("declines")
        return
    assert lost == ([f"{method.name}: {method.when_lost}"] if method.when_lost else [])
    assert away == ([] if method.when_away == "" else lost)


@pytest.mark.parametrize("state", ["lost", "neighbour"])
@pytest.mark.parametrize("name", ["gossip", "dadao", "extra"])
def test_nodes_that_return_with_another_state_bring_a_warning(name, state):
    (sentence,) = warnings(dict(METHODS)[name], "20 % away", **{"fleet.churn.state": state})
    assert "changes sums" in sentence


def test_a_node_that_forgets_moves_the_limit_of_gossip_and_says_so():
    scenario = robustness.world(dict(METHODS)["gossip"], "same", "20 % away")[0]
    trace = gs.simulate(scenario.replace({"fleet.churn.state": "lost"}))
    assert trace.columns["error"][-1] > 0.01
    assert trace.meta["warnings"]


def test_nodes_that_never_return_bring_a_warning():
    failure = {"time": 5.0, "nodes": [0, 1]}
    for until, count in ((None, 1), (50.0, 0)):
        found = warnings(dict(METHODS)["gossip"], "no harm", fleet={"failures": [failure | {"until": until}]})
        assert len(found) == count
