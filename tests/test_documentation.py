"""What the pages of documentation show is true: code runs, scenarios are valid, the site is built whole and offline."""

import ast
import io
import os
import re
import shlex
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from functools import partial
from pathlib import Path

import pytest
from ruamel.yaml import YAML

import gossipsim as gs
from gossipsim.cli import main

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
TESTED_ELSEWHERE = {"methods.md", "rates.md", "scenario.md", "sweeps.md"}  # test_readme, test_rates_command, test_sweep
PAGES = sorted(page for page in DOCS.rglob("*.md") if page.name not in TESTED_ELSEWHERE)
BLOCK = re.compile(r"^```(\w+)(?: title=\"(.*?)\")?\n(.*?)^```", re.DOTALL | re.MULTILINE)
GOOD = {
    "topology": {"name": "cycle", "n": 8},
    "problem": {"name": "quadratic", "dim": 2},
    "method": "async_dsgd",
    "run": {"time": 5},
}


def named(page):
    return page.relative_to(DOCS).as_posix()


def blocks(page):
    """Return (language, title, text) of the blocks of a page."""
    return BLOCK.findall(page.read_text(encoding="utf-8"))


@pytest.fixture
def site(monkeypatch):
    """The modules that make the site."""
    monkeypatch.syspath_prepend(str(DOCS))
    import make_site

    return make_site


# The code of the pages


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_blocks_are_well_formed(page):
    for language, title, text in blocks(page):
        if language == "python":
            ast.parse(text)
        elif language == "yaml":
            data = YAML(typ="safe").load(text)
            if not title:
                gs.Scenario.parse(GOOD | data)
        elif language == "console":
            assert all(line.split()[0] in {"gossipsim", "python"} for line in text.splitlines()), text
        elif language == "sh":  # not run: other programs, or a cluster that is not there
            assert not re.search(r"^gossipsim (?!.*tcp://)", text, re.MULTILINE), text
        else:
            assert language in {"text", "sql", "json"}, language


@pytest.mark.slow
@pytest.mark.parametrize("page", [page for page in PAGES if "```" in page.read_text()], ids=named)
def test_a_page_does_what_it_shows(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    there = blocks(page)
    names = {"__name__": "__page__"}
    for (language, title, text), (after, _, shown) in zip(there, [*there[1:], ("", "", "")], strict=True):
        said = None
        if title:
            Path(title).write_text(text)
        elif language == "python":
            said = heard(partial(exec, compile(text, str(page), "exec"), names))
        elif language == "console":
            status = 2 if after == "text" and shown.startswith("gossipsim: error:") else 0
            said = "".join(heard(partial(command, line, status)) for line in text.splitlines())
        elif language == "sql":
            duckdb = pytest.importorskip("duckdb")
            assert len(duckdb.sql(text).fetchall()) > 1
        if said is not None and after == "text":
            assert plain(shown) in plain(said.replace(f"{tmp_path}/", "")), said


def heard(act):
    """Return what an action prints, on either stream."""
    said = io.StringIO()
    with redirect_stdout(said), redirect_stderr(said):
        act()
    return said.getvalue()


def command(line, status):
    """Run a line of a console block."""
    words, _, into = line.partition(" > ")
    program, *arguments = shlex.split(words)
    if program == "python":
        exec(compile(Path(arguments[0]).read_text(), arguments[0], "exec"), {"__name__": "__main__"})
        return
    said = io.StringIO()
    with redirect_stdout(said if into else sys.stdout):
        assert main(arguments) == status, line
    if into:
        Path(into).write_text(said.getvalue())


def plain(text):
    """Return a text without numbers, which differ in their last digits between machines, and without alignment."""
    return " ".join(re.sub(r"\d[\d.,]*(e[+-]?\d+)?", "#", text).split())


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_links_lead_somewhere(page, site):
    made = site.pages()
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            place = (page.parent / target).resolve()
            assert place.exists() or place.relative_to(DOCS).as_posix() in made, target


# The reference


def test_every_member_of_every_family_has_its_place(site):
    from gossipsim.manual import FAMILIES, family_named

    made = site.pages()
    for family in FAMILIES:
        text = made["methods.md" if family == "methods" else f"reference/{family}.md"]
        assert set(re.findall(r"^## `(\w+)`", text, re.MULTILINE)) == set(family_named(family).registry)


def test_every_key_and_every_command_has_its_place(site):
    from typer.main import get_command

    from gossipsim.cli import app

    made = site.pages()
    written = set(re.findall(r"^\| `([\w.]+)`", made["reference/keys.md"], re.MULTILINE))
    assert {*gs.Scenario.model_fields, "methods", "run.time", "record.metrics", "wire.latency"} <= written
    for name, found in get_command(app).commands.items():
        text = made["reference/commands.md"].partition(f"## `{name}`")[2]
        assert all(option in text for parameter in found.params for option in parameter.opts if option.startswith("--"))


def test_scenarios_of_the_reference_are_valid(site, tmp_path):
    from gossipsim.methods.base import Method

    found = {title: text for _, title, text in BLOCK.findall(site.pages()["methods.md"]) if title}
    assert sorted(found) == sorted(f"{name}.yaml" for name in Method.registry)
    for text in found.values():
        gs.World.build(gs.Scenario.parse(text))


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(gs.Method.registry))
def test_a_scenario_of_the_reference_runs(name, site):
    import make_reference

    scenario = gs.Scenario.parse(make_reference.example(gs.Method.registry[name]))
    trace = gs.simulate(scenario)
    assert trace.status == "finished"
    assert trace.columns["consensus"][-1] < 10.0


# The site


def test_formulas_become_mathml(site):
    assert "<mfrac>" in site.mathml(r"\frac{1}{n} \arg\min_x f(x)")
    assert "<mtable" in site.mathml(r"\begin{aligned} a &= b \\ c &= d \end{aligned}", displayed=True)
    with pytest.raises(ValueError, match="nonsense"):
        site.mathml(r"\nonsense{x}")


@pytest.mark.slow
def test_the_site_is_built_without_warnings_and_needs_no_network(tmp_path):
    options = ["--strict", "--config-file", str(ROOT / "mkdocs.yml"), "--site-dir", str(tmp_path)]
    build = [sys.executable, "-m", "mkdocs", "build", *options]
    quiet = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(build, capture_output=True, text=True, cwd=ROOT, check=False, env=quiet)
    assert done.returncode == 0, done.stderr
    assert "WARNING" not in done.stderr
    texts = {page: page.read_text(encoding="utf-8") for page in tmp_path.rglob("*.html")}
    assert len(texts) > 30
    for page, text in texts.items():
        loaded = re.findall(r"<(?:script|img|link|iframe)[^>]*?(?:src|href)=\"?(https?:[^\" >]*)", text)
        assert not loaded, f"{page.name} loads {loaded}"
        assert 'class="arithmatex"' not in text, page.name


# The schema in an editor


def validator():
    from gossipsim.schema import scenario_schema

    jsonschema = pytest.importorskip("jsonschema")
    return jsonschema.Draft202012Validator(scenario_schema())


@pytest.mark.parametrize("file", sorted((ROOT / "scenarios").rglob("*.yaml")), ids=lambda file: file.stem)
def test_shipped_scenarios_fit_the_schema(file):
    data = YAML(typ="safe").load(file)
    data.pop("sweep", None)
    faults = [f"{fault.json_path}: {fault.message[:200]}" for fault in validator().iter_errors(data)]
    assert not faults


@pytest.mark.parametrize(
    "mistake",
    [
        {"methd": "dadao"},
        {"method": "dado"},
        {"method": {"name": "dadao", "gama": 0.1}},
        {"methods": ["dadao"]},
        {"topology": {"name": "grid", "n": "16"}},
        {"topology": {"name": "random_regular", "n": 16}},
        {"problem": {"name": "quadratic", "dim": 0}},
        {"problem": {"name": "logistic_regression", "dataset": "wines"}},
        {"run": {}},
        {"run": {"time": -1}},
        {"record": {"metrics": ["eror"]}},
        {"wire": {"loss": 2}},
        {"fleet": {"compute": {"name": "lognormal", "sigma": -1}}},
    ],
    ids=lambda mistake: str(mistake)[:60],
)
def test_the_schema_finds_typical_mistakes(mistake):
    check = validator()
    assert check.is_valid(GOOD)
    assert not check.is_valid(GOOD | mistake)
