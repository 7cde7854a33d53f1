"""What README.md, CONTRIBUTING.md and docs/ show is true: commands stand as promised, examples run, scenarios validate."""

import importlib.util
import io
import re
from contextlib import redirect_stdout
from pathlib import Path

import pytest

import gossipsim as gs

ROOT = Path(__file__).parents[1]
PAGES = {
    name: (ROOT / name).read_text() for name in ("README.md", "CONTRIBUTING.md", "docs/design.md", "docs/scenario.md")
}
COMMANDS = [
    "python3 -m venv .venv && .venv/bin/pip install -e . && .venv/bin/gossipsim run scenarios/quickstart.yaml",
    ".venv/bin/pip install -e '.[test]' && .venv/bin/pytest",
]


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGES[page], re.DOTALL | re.MULTILINE)


def test_the_two_commands_stand_on_the_first_screen():
    first_screen = PAGES["README.md"].splitlines()[:25]
    assert [line for line in first_screen if line in COMMANDS] == COMMANDS


def test_the_example_in_python_prints_what_is_shown(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (example,) = [block for block in blocks("README.md", "python") if "import" in block]
    assert len(example.splitlines()) <= 16
    said = io.StringIO()
    with redirect_stdout(said):
        exec(example, {})
    assert said.getvalue() in blocks("README.md", "text")
    assert gs.Trace.load("results/complete").status == "reached"
    assert (tmp_path / "complete.png").stat().st_size > 10_000


def test_the_summary_in_the_readme_is_the_one_of_the_quickstart():
    scenario = gs.Scenario.load(ROOT / "scenarios" / "quickstart.yaml")
    (table,) = [block for block in blocks("README.md", "text") if block.startswith("scenario")]
    trace = gs.simulate(scenario)
    for column, count in (("gradients", "gradients"), ("activations", "exchanges"), ("messages", "messages")):
        assert f"{trace.columns[column][-1]:,} {count}" in table
    assert f"-> {trace.columns['error'][-1]:.3g}\n" in table
    (shown, *_) = blocks("README.md", "yaml")
    assert gs.Scenario.parse(shown) == scenario


@pytest.mark.parametrize("page", PAGES)
def test_scenarios_in_the_pages_are_valid(page, tmp_path):
    for name, text in files_of(page):
        (tmp_path / name).write_text(text)
    for text in blocks(page, "yaml"):
        if "topology:" in text:
            gs.Scenario.parse(text, base=tmp_path)


def files_of(page):
    """Yield (name, text) of the Python files that a page shows, "This one, complete, is `mine.py`"."""
    yield from re.findall(r"is `(\w+\.py)`:\n\n```python\n(.*?)^```", PAGES[page], re.DOTALL | re.MULTILINE)


def test_the_method_in_contributing_runs_alike_in_both_engines(tmp_path):
    ((name, text),) = files_of("CONTRIBUTING.md")
    (tmp_path / name).write_text(text)
    (tmp_path / "scenario.yaml").write_text(blocks("CONTRIBUTING.md", "yaml")[0])
    compiled, processes = (gs.simulate(tmp_path / "scenario.yaml", engine=e) for e in ("compiled", "processes"))
    assert compiled.meta["engine"] == "compiled"
    assert compiled.columns["gradients"][-1] > 100
    assert compiled.columns["error"][-1] < compiled.columns["error"][0]
    for field, array in compiled.final.items():
        assert array.tobytes() == processes.final[field].tobytes(), field
    for column, values in compiled.columns.items():
        assert values.tobytes() == processes.columns[column].tobytes(), column


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_to_files(page):
    targets = [t for t in re.findall(r"\]\(([^)#]+)[^)]*\)", PAGES[page]) if "://" not in t]
    missing = [target for target in targets if not ((ROOT / page).parent / target).exists()]
    assert not missing


def test_the_picture_is_small():
    assert 20_000 < (ROOT / "docs" / "quickstart.png").stat().st_size < 200_000


def settings():
    """Yield every name that a scenario file can hold: keys, components, their settings."""
    from gossipsim.manual import FAMILIES, family_named
    from gossipsim.mixing import KINDS
    from gossipsim.problems.synthetic import SyntheticClusters, SyntheticLines
    from gossipsim.scenario import Clocks, Fleet, Record, Run, Sampling, Scenario, Wire

    for model in (Scenario, Run, Record, Wire, Clocks, Fleet, Sampling, SyntheticLines, SyntheticClusters):
        yield from model.model_fields
    yield from KINDS
    for family in FAMILIES:
        if family not in {"methods", "compressors"}:  # they have a page of their own
            for name, member in family_named(family).registry.items():
                yield from [name, *member.model_fields]


def test_the_readme_names_every_method():
    (table,) = re.findall(r"^## Methods\n(.*?)^## ", PAGES["README.md"], re.DOTALL | re.MULTILINE)
    rows = "".join(line for line in table.splitlines() if line.startswith("|"))
    assert sorted(re.findall(r"`(\w+)`", rows)) == sorted(gs.methods())


def test_the_page_of_methods_is_up_to_date():
    found = importlib.util.spec_from_file_location("make_methods", ROOT / "docs" / "make_methods.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    written = (ROOT / "docs" / "methods.md").read_text(encoding="utf-8")
    assert module.page() == written, "run python docs/make_methods.py"


def test_the_reference_names_everything_that_a_scenario_can_hold():
    written = set(re.findall(r"\w+", " ".join(re.findall(r"`[^`]+`|^## \w+", PAGES["docs/scenario.md"], re.MULTILINE))))
    assert not set(settings()) - written
