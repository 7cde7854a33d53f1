"""Every scenario that comes with the project: it loads, is written back unchanged, builds, and runs alike in both engines."""

from pathlib import Path

import pytest

import gossipsim as gs
from gossipsim.contenders import contenders
from gossipsim.document import Document

ALL = sorted((Path(__file__).parents[1] / "scenarios").glob("*.yaml"))
COMPARISONS = [file for file in ALL if "methods" in Document.load(file).data]
FILES = [file for file in ALL if file not in COMPARISONS]
EVENTS = 50
QUICK = {"quickstart", "replay"}
"""In the fast suite, because every other one is another compilation."""


def test_there_are_scenarios():
    assert "quickstart.yaml" in {file.name for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_dumped_loads_to_an_equal_scenario(file, tmp_path):
    scenario = gs.Scenario.load(file)
    (tmp_path / "dumped.yaml").write_text(scenario.dump())
    assert gs.Scenario.load(tmp_path / "dumped.yaml") == scenario


@pytest.mark.parametrize(
    "file", [pytest.param(file, marks=[] if file.stem in QUICK else pytest.mark.slow, id=file.stem) for file in FILES]
)
def test_both_engines_write_the_same_bytes(file):
    same_bytes(gs.Scenario.load(file))


@pytest.mark.slow
@pytest.mark.parametrize("file", COMPARISONS, ids=lambda file: file.stem)
def test_both_engines_write_the_same_bytes_for_every_method(file):
    entrants = contenders(Document.load(file))
    assert len(entrants) > 1
    assert len({entrant.label for entrant in entrants}) == len(entrants)
    for entrant in entrants:
        same_bytes(entrant.scenario)


def same_bytes(scenario):
    scenario = scenario.replace({"run": {"events": EVENTS}, "record.points": 3})
    compiled, processes = (gs.simulate(scenario, engine=engine) for engine in ("compiled", "processes"))
    assert compiled.meta["events"] == EVENTS
    for name, column in compiled.columns.items():
        assert column.tobytes() == processes.columns[name].tobytes(), name
    for name, array in compiled.final.items():
        assert array.tobytes() == processes.final[name].tobytes(), name
