"""A slip in a verb of one's own is told in one sentence, with the line, before anything is compiled."""

import pytest

import gossipsim as gs
from gossipsim.verb_check import check_verbs

FILE = '''\
from gossipsim.methods.base import Method, kernel


class Mine(Method, name="mine"):
    """Gradient steps and averages."""

    computes = "clock"

    def constants(self, facts):
        return {"gamma": 0.1}

    @kernel
    def step(p, node, t, g):
        node.x[:] = node.x - p.gamma * g

    @kernel
    def receive(p, node, links, t, inbox, slots):
        node.x[:] = 0.5 * (node.x + inbox[0])
'''


def world(folder, text):
    (folder / "mine.py").write_text(text)
    given = {
        "topology": {"name": "cycle", "n": 4},
        "problem": {"name": "quadratic", "dim": 2},
        "method": "mine.py:Mine",
        "run": {"time": 1},
    }
    return gs.World.build(gs.Scenario.parse(given, base=folder))


@pytest.mark.parametrize(
    ("right", "wrong", "line", "said"),
    [
        ("p.gamma", "p.gama", 14, "p.gama reads 'gama', which `constants(facts)` does not declare; allowed: gamma"),
        ("node.x -", "node.y -", 14, "node.y reads 'y', which `node` does not declare; allowed: at, draws, x"),
        ("inbox[0])", "links[slots[0]].w)", 18, "links[slots[0]].w reads 'w', which `link` does not declare"),
        ("* g", "* h", 14, "'h' is not defined"),
        ("step(p, node, t, g)", "step(p, node, g)", 12, "step(p, node, g) takes 3 arguments; allowed: step(p, node, t, g"),
        ("def receive", "def recieve", 16, "kernel 'recieve' is no verb"),
    ],
)  # fmt: skip
def test_a_slip_is_told_with_its_line(tmp_path, right, wrong, line, said):
    assert FILE.count(right) == 1
    with pytest.raises(gs.ScenarioError) as caught:
        world(tmp_path, FILE.replace(right, wrong))
    assert f"mine.py:{line}: {said}" in str(caught.value)


def test_what_is_right_is_left_alone(tmp_path):
    assert world(tmp_path, FILE).method.name.endswith("mine.py:Mine")
    helper = FILE.replace("class Mine", "def twice(v):\n    return 2.0 * v\n\n\nclass Mine").replace(
        "p.gamma * g", "twice(p.gamma) * g"
    )
    assert world(tmp_path, helper).method.name.endswith("mine.py:Mine")


@pytest.mark.parametrize("name", sorted(gs.methods()))
def test_the_methods_of_the_package_have_no_slips(name, monkeypatch):
    method = gs.Method.registry[name]
    settings = {
        "topology": {"name": "star" if method.server else "cycle", "n": 5},
        "problem": {"name": "quadratic", "dim": 2},
        "method": name,
        "run": {"time": 1},
    }
    found = gs.World.build(gs.Scenario.parse(settings))
    monkeypatch.setattr(method, "__module__", "elsewhere")
    check_verbs(found.method, found.facts)
