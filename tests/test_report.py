"""A report is one page that needs nothing else, says what the result says, and is the same every time."""

from __future__ import annotations

import base64
import re
from html.parser import HTMLParser

import pytest

import gossipsim as gs
from gossipsim.cli import main

SMALL = {
    "name": "small",
    "topology": {"name": "cycle", "n": 4},
    "problem": {"name": "quadratic", "dim": 2, "L": 2.0},
    "run": {"time": 40, "error": 0.02},
    "record": {"points": 10},
}
HERE = {"engine": "processes"}
VOID = {"meta", "img", "br", "link"}


class Parsed(HTMLParser):
    """What a browser would find: tags that match, texts, and addresses."""

    def __init__(self, text):
        super().__init__()
        self.open, self.texts, self.addresses, self.headings = [], [], [], []
        self.feed(text)
        assert not self.open

    def handle_starttag(self, tag, attributes):
        self.addresses += [value for name, value in attributes if name in {"src", "href", "srcset", "data"}]
        assert not any(name.startswith("on") for name, _ in attributes)
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            (self.headings if self.open[-1] in {"h1", "h2"} else self.texts).append(data.strip())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("results")
    gs.simulate({**SMALL, "method": "dadao"}, **HERE).save(place / "run")
    entries = ["dadao", {"name": "d_psgd", "label": "<b>D-PSGD</b> & co"}]
    gs.compare({**SMALL, "methods": entries}, **HERE).save(place / "comparison")
    vary = {"method.name": ["dadao", "d_psgd"], "topology.n": [4, 6]}
    gs.sweep({**SMALL, "method": "dadao"}, vary, seeds=2, backend="serial", out=place / "sweep", **HERE)
    return place


@pytest.fixture(scope="module")
def pages(folder):
    for kind in ("run", "comparison", "sweep"):
        assert main(["report", str(folder / kind)]) == 0
    return {kind: (folder / kind / "report.html").read_text() for kind in ("run", "comparison", "sweep")}


@pytest.mark.parametrize("kind", ["run", "comparison", "sweep"])
def test_the_page_stands_alone(kind, pages):
    found = Parsed(pages[kind])
    assert found.addresses
    for address in found.addresses:
        head, _, raw = address.partition(";base64,")
        assert head in {"data:image/svg+xml", "data:image/png"}
        picture = base64.b64decode(raw)
        assert picture.startswith((b"<?xml", b"\x89PNG"))
        # an SVG names its own parts and its vocabulary, nothing to be fetched
        assert not re.search(rb'(?:href|src)="(?!#|data:)', picture)
    page = re.sub(r"base64,[A-Za-z0-9+/=]*", "", pages[kind])
    assert not re.search(r"https?:|@import|url\(|<script", page)


@pytest.mark.parametrize("kind", ["run", "comparison", "sweep"])
def test_every_page_has_its_parts(kind, pages):
    found = Parsed(pages[kind])
    for heading in ("Figures", "Promise against measurement", "Scenario", "How to reproduce", "Provenance"):
        assert heading in found.headings
    text = "\n".join(found.texts)
    for said in (f"gossipsim {gs.__version__}", "numpy", "processes", "cores"):
        assert said in text


def test_the_run_says_what_its_summary_says(pages, folder):
    trace = gs.Trace.load(folder / "run")
    found = Parsed(pages["run"])
    text = "\n".join(found.texts)
    assert found.headings[0] == "small, seed 0"
    assert f"{trace.columns['gradients'][-1]:,} gradients" in text
    assert f"{trace.meta['promise']['rate']:.4g}" in text
    yaml = next(text for text in found.texts if text.startswith("name: small"))
    assert gs.Scenario.parse(yaml) == trace.scenario


def test_labels_of_a_user_are_only_text(pages):
    assert "<b>" not in pages["comparison"]
    found = Parsed(pages["comparison"])
    assert "<b>D-PSGD</b> & co" in found.texts
    assert "Methods" in found.headings


def test_the_sweep_has_tables_of_costs_and_the_seeds(pages):
    found = Parsed(pages["sweep"])
    assert {"error at the end", "Time to error ≤ 0.02", "Bits to error ≤ 0.02"} <= set(found.headings)
    text = "\n".join(found.texts)
    assert "4, 2 seeds each, 8 runs" in text
    assert "0, 1" in text


def test_the_same_result_gives_the_same_bytes(folder, tmp_path):
    trace = gs.Trace.load(folder / "run")
    first, second = (gs.report(source, tmp_path / f"{k}.html") for k, source in enumerate((trace, folder / "run")))
    assert first.read_bytes() == second.read_bytes()


def test_a_run_that_diverged_has_a_report(tmp_path):
    trace = gs.simulate({**SMALL, "method": {"name": "dadao", "gamma": 50.0}, "run": {"time": 400}}, **HERE)
    assert trace.status == "diverged"
    assert "diverged at node" in gs.report(trace, tmp_path / "r.html").read_text()


def test_bad_input(folder, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    assert main(["report", str(tmp_path / "empty")]) == 2
    assert "holds no finished result" in capsys.readouterr().err
    assert main(["report", str(folder / "run"), "--out", str(tmp_path / "a.htlm")]) == 2
    assert "did you mean '.html'" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["empty"]
