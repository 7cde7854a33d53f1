"""Every scenario that comes with the project: it loads, is written back unchanged, builds, and runs alike in both engines."""

from pathlib import Path

import pytest

import gossipsim as gs

FILES = sorted((Path(__file__).parents[1] / "scenarios").glob("*.yaml"))
EVENTS = 50


def test_there_are_scenarios():
    assert "quickstart.yaml" in {file.name for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_what_is_dumped_loads_to_an_equal_scenario(file, tmp_path):
    scenario = gs.Scenario.load(file)
    (tmp_path / "dumped.yaml").write_text(scenario.dump())
    assert gs.Scenario.load(tmp_path / "dumped.yaml") == scenario


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_both_engines_write_the_same_bytes(file):
    scenario = gs.Scenario.load(file).replace({"run": {"events": EVENTS}, "record.points": 3})
    compiled, processes = (gs.simulate(scenario, engine=engine) for engine in ("compiled", "processes"))
    assert compiled.meta["events"] == EVENTS
    for name, column in compiled.columns.items():
        assert column.tobytes() == processes.columns[name].tobytes(), name
    for name, array in compiled.final.items():
        assert array.tobytes() == processes.final[name].tobytes(), name
