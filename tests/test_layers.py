"""Imports point down through the layers of docs/design.md; every import of every module is looked at, lazy ones included."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "gossipsim"
LAYERS = [
    "errors text_files component document kernels kinds lift rows stream arrays catalogue folders family connected"
    " interrupts cores",
    "law graph epochs spectral selected_inverse facts flow modes",
    "optimal mixing",
    "topologies rates problems wire start recording metrics compressors sampling loss churn fleet speeds delays",
    "methods",
    "changing scenario suitability verb_check pace world",
    "engines",
    "schedule trace recorder provenance course team simulation replicas contenders comparison event_export",
    "statistics sweep_content sweep_plan store sweep_batch sweep_pools sweep_runner sweep_progress sweep_summary sweep_part"
    " sweeps",
    "cli plot schema manual summary progress rates_command rates_plot comparison_command comparison_plot comparison_summary"
    " sweep_command sweep_plot picture_command pictures graph_plot"
    " pareto_plot heat_map_plot plot_command event_command report_command html_report report_content report_page results"
    " sweep_xarray __main__ __init__",
]
LEVEL = {part: level for level, parts in enumerate(LAYERS) for part in parts.split()}
METHODS_USE = {"errors", "component", "kernels", "rows", "stream", "facts", "catalogue"}

SIDEWAYS = {
    "arrays": "connected",
    "errors": "component family document arrays folders text_files",  # imported by these
    "kernels": "component lift",
    "rows": "kinds",
    "kinds": "lift",
    "component": "catalogue family",
    "optimal": "rates mixing",
    "graph": "epochs spectral selected_inverse",
    "flow": "modes",
    "selected_inverse": "spectral",
    "changing": "suitability world",
    "scenario": "suitability world",
    "suitability": "world",
    "verb_check": "world",
    "pace": "world",
    "loss": "wire",
    "churn": "fleet",
    "speeds": "fleet",
    "delays": "wire",
    "schedule": "course",
    "trace": "recorder course team simulation replicas comparison event_export",
    "recorder": "course",
    "provenance": "course",
    "course": "team simulation replicas comparison event_export",
    "team": "replicas",
    "simulation": "comparison event_export",
    "contenders": "comparison",
    "cli": "__main__",
    "__init__": "cli",
    "plot": "comparison_plot rates_command graph_plot sweep_command sweep_plot picture_command"
    " pictures pareto_plot heat_map_plot plot_command report_page sweep_xarray",
    "schema": "cli manual",
    "manual": "cli schema",
    "summary": "cli comparison_command comparison_summary report_content",
    "progress": "cli comparison_command event_command rates_command sweep_command",
    "comparison_command": "cli",
    "comparison_summary": "comparison_command pareto_plot report_content",
    "rates_command": "cli",
    "graph_plot": "rates_plot pictures",
    "rates_plot": "rates_command report_content",
    "sweep_content": "sweep_plan sweep_pools",
    "sweep_plan": "store sweep_batch sweep_pools sweep_runner sweeps",
    "store": "sweep_batch sweep_pools sweep_runner sweep_progress sweeps",
    "sweep_batch": "sweep_runner",
    "sweep_progress": "sweeps",
    "sweep_pools": "sweep_runner",
    "sweep_runner": "sweeps",
    "statistics": "sweep_summary",
    "sweep_summary": "sweeps",
    "sweep_part": "sweeps",
    "sweep_command": "cli report_content",
    "sweep_plot": "pareto_plot heat_map_plot rates_plot",
    "plot_command": "cli",
    "event_command": "cli",
    "report_command": "cli",
    "results": "plot_command html_report",
    "html_report": "report_command",
    "report_content": "html_report",
    "report_page": "report_content",
    "picture_command": "cli",
    "pictures": "picture_command",
}
SIDEWAYS = {f"{user} -> {used}" for used, users in SIDEWAYS.items() for user in users.split()}
"""Arrows inside a layer; modules of one folder may import each other besides."""
UPWARD = {
    "graph -> topologies": "Graph.build and Graph.load are the short way to the family",
    "law -> problems": "a law reads recorded values with the readers of data files",
    "world -> engines": "World.events makes the source that both engines read",
    "trace -> plot": "Trace.plot draws",
    "trace -> graph_plot": "Trace.plot_graph draws",
    "comparison -> plot": "Comparison.save draws",
    "comparison -> comparison_plot": "Comparison.plot draws",
    "comparison -> comparison_summary": "Comparison.table counts what a summary counts",
    "sweeps -> sweep_plot": "Sweep.plot draws",
    "sweeps -> pareto_plot": "Sweep.pareto draws",
    "sweeps -> heat_map_plot": "Sweep.heat_map draws",
    "sweeps -> rates_plot": "Sweep.plot_graph draws",
    "sweeps -> sweep_xarray": "Sweep.to_xarray hands over to another library",
    "comparison -> pareto_plot": "Comparison.pareto draws",
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
