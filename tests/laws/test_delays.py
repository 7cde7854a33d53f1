"""Delays of links: read from every format, halved, scaled and turned the right way, or refused with the place of the fault."""

from pathlib import Path

import numpy as np
import pytest

from gossipsim.delays import Delays
from gossipsim.errors import ScenarioError
from gossipsim.graph import Graph

DATA = Path(__file__).parents[1] / "data"
PATH, RING = Graph.build("path", n=3), Graph.build("cycle", n=3)


def delays(graph, **keys):
    return Delays.parse({"time_unit": 1.0} | keys).of(graph)


def written(tmp_path, content, name="delays.csv"):
    path = tmp_path / name
    path.write_text(content)
    return str(path)


@pytest.mark.parametrize(
    "content",
    ["0,1,2\n3,0,5\n6,7,0\n", "0 1 2\n3 0 5\n6 7 0", "0.0,\t1.0, 2\n\n3,0,5\n6,7,0\n"],
    ids=["commas", "blanks", "both"],
)
def test_line_i_and_column_j_of_a_matrix_hold_the_time_from_i_to_j(tmp_path, content):
    file = written(tmp_path, content)
    assert delays(RING, file=file).tolist() == [1, 2, 3, 5, 6, 7]
    assert delays(PATH, file=file).tolist() == [1, 3, 5, 7]
    assert delays(PATH, file=file, unit="s", time_unit=2.0, round_trip=True).tolist() == [250, 750, 1250, 1750]
    assert delays(PATH, file=file, symmetric="average").tolist() == [2, 2, 6, 6]
    assert delays(PATH, file=file, nodes=[2, 0, 1]).tolist() == [6, 2, 1, 3]


def test_pairs_go_by_the_labels_of_the_nodes_and_one_direction_counts_for_both(tmp_path):
    graph = Graph.from_edges([(0, 1), (1, 2)], labels=["Rome", "Oslo", "Bern"])
    file = written(tmp_path, "to,from,delay\nOslo,Rome,30\nRome,Oslo,50\nBern,Oslo,20\nBern,Rome,99\n")
    assert delays(graph, file=file).tolist() == [30, 50, 20, 20]
    numbered = written(tmp_path, "source,target,delay\n0,1,30\n1,0,50\n2,1,20\n")
    assert delays(PATH, file=numbered).tolist() == [30, 50, 20, 20]


def test_pings_are_averaged_and_halved():
    assert delays(RING, file=str(DATA / "wondernetwork.csv")).tolist() == [11, 45, 15, 32, 45, 32]
    assert delays(PATH, file=str(DATA / "wondernetwork.csv"), nodes=[7, 9, 12]).tolist() == [32, 32, 5.5, 5.5]


def test_meridian_counts_places_from_any_number_and_microseconds():
    assert delays(RING, file=str(DATA / "meridian.txt")).tolist() == [10, 45, 10, 32, 45, 32]


def test_king_takes_the_median_of_what_the_second_leg_took():
    found = delays(RING, file=str(DATA / "king.txt"))
    between = (42.475 + 43.0) / 4
    np.testing.assert_allclose(found, [between, 45, between, 32, 45, 32], rtol=1e-14)


def test_great_circles():
    places = np.radians([[52.52, 13.40], [48.86, 2.35], [-0.18, -78.47]])
    points = [[np.cos(a) * np.cos(b), np.cos(a) * np.sin(b), np.sin(a)] for a, b in places]
    exact = 6371 * np.arccos(
        np.clip(np.array(points) @ np.array(points).T, -1, 1)
    )  # another formula than the haversine
    keys = {"file": str(DATA / "cities.csv"), "name": "great_circle"}
    found = delays(RING, **keys, speed=1.0, stretch=1.0)
    np.testing.assert_allclose(found, exact[[0, 0, 1, 1, 2, 2], [1, 2, 0, 2, 0, 1]], rtol=1e-9)
    np.testing.assert_allclose(delays(RING, **keys, time_unit=100.0, base=3.0), (3 + 1.6 * found / 200) / 100)
    swapped = delays(PATH, **keys, nodes=["Quito", "Berlin", "Paris"], speed=1.0, stretch=1.0)
    np.testing.assert_allclose(swapped, found[[1, 1, 0, 0]])
    quarter = delays(Graph.build("path", n=2), coordinates=[[0.0, 0.0], [90.0, 50.0]], speed=1.0, stretch=1.0)
    np.testing.assert_allclose(quarter, np.pi / 2 * 6371)


def test_distances_in_the_square():
    graph = Graph.build("random_geometric", n=20, radius=0.4, seed=3)
    found = Delays.parse({"name": "euclidean", "speed": 0.5}).of(graph)
    assert found.max() <= 0.8
    np.testing.assert_array_equal(found, found[graph.reverse])
    with pytest.raises(ScenarioError, match="does not know where its nodes are"):
        Delays.parse({"name": "euclidean", "speed": 0.5}).of(PATH)


@pytest.mark.parametrize(
    ("content", "keys", "said"),
    [
        ("0,1\n1,0\n", {}, r"file: 2 places for 3 nodes; allowed: 3 places, or `nodes`"),
        ("0,1,2\n1,0,2\n", {}, "2 lines of 3 numbers; allowed: a square matrix"),
        ("0,1,2\n1,0\n2,1,0\n", {}, r"csv:2: file: 2 numbers; allowed: 3"),
        ("0,1,2\n1,0,x\n2,1,0\n", {}, r"csv:2: file: column 3: time 'x'; allowed: a finite number >= 0"),
        ("0,1,2\n1,0,\n2,1,0\n", {}, r"csv:2: file: column 3: time ''"),
        ("0,1,2\n1,0,-4\n2,1,0\n", {}, r"csv:2: file: column 3: time '-4'"),
        ("0,nan,2\n1,0,4\n2,1,0\n", {}, r"csv:1: file: column 2: time 'nan'"),
        ("0,1,2\n1,0,inf\n2,1,0\n", {}, r"csv:2: file: column 3: time 'inf'"),
        ("0,1,2\n1,0,2\n2,1,7\n", {}, r"csv:3: file: column 3: time 7 from a place to itself; allowed: 0"),
        ("0,1,2\n9,0,2\n2,2,0\n", {"symmetric": True}, "symmetric: 1 from 0 to 1, 9 back; allowed: false or average"),
        ("0,1,2\n1,0,2\n2,1,0\n", {"nodes": [0, 1]}, "nodes: 2 places for 3 nodes"),
        ("0,1,2\n1,0,2\n2,1,0\n", {"nodes": [0, 1, 1]}, r"nodes\[2\]: '1' is given twice"),
        ("0,1,2\n1,0,2\n2,1,0\n", {"nodes": [0, 1, 3]}, r"nodes\[2\]: no place '3'"),
        ("source,target,delay\n0,1,3\n", {}, "no place '2'"),
        ("source,target,delay\n0,1,3\n0,2,3\n", {}, "no time between 1 and 2"),
        ("source,target,delay\n0,1,3\n0,1,4\n", {}, r"csv:3: file: the time from '0' to '1' is given twice"),
        ("source,target,delay\n0,0,3\n", {}, r"csv:2: file: from '0' to itself"),
        ("source,target,delay\n0,1,x\n", {}, r"csv:2: file: time 'x'"),
        ("source,target\n0,1\n", {}, "no column delay in the header"),
        ('source,destination,avg\na,b,"3\n', {}, "malformed CSV"),
        ("source,destination,avg\na,b,3\n", {}, "2 places for 3 nodes; allowed: at least 3 places"),
        ("source,destination,avg\na,a,3\n", {}, "no time between two places"),
        ("source,destination,avg\na,b,-3\n", {}, r"csv:2: file: time '-3'"),
        ("1 2 30\n1 3\n1 4 5\n1 5 6\n", {}, r"csv:2: file: given '1 3'"),
        ("1 2 30\n", {"format": "king"}, r"csv:1: file: given '1 2 30'; allowed: a --> b"),
        ("", {}, "the file is empty; allowed: times between places"),
        (None, {}, "no such file"),
    ],
)
def test_bad_files_are_refused_with_the_place_of_the_fault(tmp_path, content, keys, said):
    file = written(tmp_path, content) if content is not None else str(tmp_path / "none.csv")
    with pytest.raises(ScenarioError, match=said) as fault:
        delays(PATH, file=file, **keys)
    assert fault.value.file == file


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"coordinates": [[0.0, 0.0]]}, "coordinates: 1 places for 3 nodes; allowed: 3 places"),
        ({"coordinates": [[0.0, 0.0], [91.0, 0.0], [0.0, 0.0]]}, r"coordinates\[1\]\[0\]: given 91; allowed: latitude"),
        ({"coordinates": [[0.0, 0.0, 1.0]]}, r"coordinates\[0\]"),
        ({"name": "great_circle"}, "either coordinates or a file"),
        ({"name": "great_circle", "file": str(DATA / "king.txt")}, "no column lat"),
    ],
)
def test_bad_coordinates_are_refused(keys, said):
    with pytest.raises(ScenarioError, match=said):
        delays(PATH, **keys)


def test_settings_survive_writing():
    for keys in ({"file": str(DATA / "king.txt"), "symmetric": "average"}, {"coordinates": [[0.0, 1.0]]}):
        found = Delays.parse({"time_unit": 2.0} | keys)
        assert Delays.parse(found.spec()) == found
