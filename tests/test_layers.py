"""Imports point down through the layers of docs/design.md; every import of every module is looked at, lazy ones included."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "gossipsim"
LAYERS = [
    "errors component document kernels kinds lift rows stream arrays catalogue folders family",
    "law graph spectral selected_inverse facts flow modes",
    "optimal mixing",
    "topologies rates problems wire start recording metrics compressors sampling loss churn fleet",
    "methods",
    "scenario suitability world",
    "engines",
    "schedule trace simulation replicas contenders comparison",
    "statistics sweep_content sweep_plan store sweep_runner sweep_progress sweep_summary sweeps",
    "cli plot schema manual summary progress rates_command rates_plot comparison_command comparison_plot comparison_summary"
    " sweep_command sweep_plot"
    " __main__ __init__",
]
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts.split()}
METHODS_USE = {"errors", "component", "kernels", "rows", "stream", "facts", "catalogue"}

SIDEWAYS = {
    "errors": "component family document arrays folders",  # imported by these
    "kernels": "component lift",
    "rows": "kinds",
    "kinds": "lift",
    "component": "catalogue family",
    "optimal": "rates mixing",
    "graph": "spectral selected_inverse",
    "flow": "modes",
    "selected_inverse": "spectral",
    "topologies": "rates",  # both read text files
    "scenario": "suitability world",
    "suitability": "world",
    "loss": "wire",
    "churn": "fleet",
    "schedule": "simulation",
    "trace": "simulation replicas comparison",
    "simulation": "replicas comparison",
    "contenders": "comparison",
    "cli": "__main__",
    "__init__": "cli",
    "plot": "cli comparison_command comparison_plot rates_command rates_plot sweep_command sweep_plot",
    "schema": "cli manual",
    "manual": "cli schema",
    "summary": "cli comparison_command comparison_summary",
    "progress": "cli comparison_command rates_command sweep_command",
    "comparison_command": "cli",
    "comparison_summary": "comparison_command",
    "rates_command": "cli",
    "rates_plot": "rates_command",
    "sweep_content": "sweep_plan store sweep_runner",
    "sweep_plan": "store sweep_runner sweeps",
    "store": "sweep_runner sweep_progress sweeps",
    "sweep_progress": "sweeps",
    "sweep_runner": "sweeps",
    "statistics": "sweep_summary",
    "sweep_summary": "sweeps",
    "sweep_command": "cli",
}
SIDEWAYS = {f"{user} -> {used}" for used, users in SIDEWAYS.items() for user in users.split()}
"""Arrows inside a layer; modules of one folder may import each other besides."""
UPWARD = {
    "graph -> topologies": "Graph.build and Graph.load are the short way to the family",
    "law -> problems": "a law reads recorded values with the readers of data files",
    "world -> engines": "World.events makes the source that both engines read",
    "trace -> plot": "Trace.plot draws",
    "comparison -> plot": "Comparison.save draws",
    "comparison -> comparison_plot": "Comparison.plot draws",
    "comparison -> comparison_summary": "Comparison.table counts what a summary counts",
    "sweeps -> sweep_plot": "Sweep.plot draws",
}
"""Arrows that point up, allowed inside functions only, each with its reason."""


def part(path):
    """Return the part of the package that a file belongs to: its folder, or its own name."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def imports(path):
    """Yield (part, whether inside a function) for every import of gossipsim, except those for type checkers."""

    def visit(node, lazy):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                continue
            if isinstance(child, ast.Import):
                names = [alias.name for alias in child.names]
            elif isinstance(child, ast.ImportFrom):
                assert child.level == 0, f"{path.name}: write imports in full"
                whole = child.module == "gossipsim"
                names = [f"gossipsim.{alias.name}" for alias in child.names] if whole else [child.module]
            else:
                names = []
            for name in names:
                if name == "gossipsim" or name.startswith("gossipsim."):
                    place = [*name.split("."), "__init__"][1]
                    yield (place if place in LEVEL else "__init__"), lazy
            yield from visit(child, lazy or isinstance(child, ast.FunctionDef))

    yield from visit(ast.parse(path.read_text()), lazy=False)


FILES = sorted(PACKAGE.rglob("*.py"))
ARROWS = {(path, target, lazy) for path in FILES for target, lazy in imports(path) if target != part(path)}


def test_every_part_has_a_layer():
    assert {part(path) for path in FILES} == set(LEVEL)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path):
    own = part(path)
    for target, lazy in sorted((target, lazy) for source, target, lazy in ARROWS if source == path):
        arrow = f"{own} -> {target}"
        if LEVEL[target] == LEVEL[own]:
            assert arrow in SIDEWAYS, f"{path.name} imports sideways: {arrow}"
        elif LEVEL[target] > LEVEL[own]:
            assert lazy, f"{path.name} imports upwards while it is loaded: {arrow}"
            assert arrow in UPWARD, f"{path.name} imports upwards: {arrow}"
        if own == "methods":
            assert target in METHODS_USE, f"{path.name}: methods know Facts, not the world: {arrow}"


def test_no_permission_is_left_over():
    drawn = {f"{part(path)} -> {target}" for path, target, _ in ARROWS}
    assert not (SIDEWAYS | set(UPWARD)) - drawn
