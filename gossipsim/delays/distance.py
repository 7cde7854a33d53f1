"""Delays from where the nodes are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Self

import numpy as np
from pydantic import Field, model_validator

from gossipsim.arrays import Floats
from gossipsim.component import InputFile, NonNegative, Positive
from gossipsim.delays.base import Delays, link_ends, places
from gossipsim.errors import ScenarioError
from gossipsim.text_files import amount, inside, read_columns, read_text

if TYPE_CHECKING:
    from gossipsim.graph import Graph

EARTH = 6371.0
"""Mean radius of the Earth in km."""

Place = Annotated[list[float], Field(min_length=2, max_length=2)]
"""Latitude and longitude."""


class GreatCircle(Delays, name="great_circle"):
    r"""Light in a cable along the great circle between two places: base + stretch d / speed milliseconds.

    With latitudes phi and longitudes lambda the haversine formula gives the distance
    d = 2 R asin sqrt(sin^2((phi_i - phi_j) / 2) + cos phi_i cos phi_j sin^2((lambda_i - lambda_j) / 2)), R = 6371 km.

    Parameters
    ----------
    time_unit : float
        Milliseconds in one unit of simulated time, the mean time of a gradient.
    coordinates : list of pairs
        Latitude and longitude of every node in degrees, in place of a file.
    file : path
        CSV with the columns lat and lon (or latitude and longitude) and perhaps name; node i is the i-th line, unless `nodes`
        says otherwise or the graph has labels that are names of places.
    nodes : list, optional
        Which place every node is, by name, or by number from 0 when places have no names.
    speed : float
        Kilometres per millisecond; light in fibre travels 200.
    stretch : float
        How many times longer cables are than the great circle.
    base : float
        Milliseconds added on every link.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> law = GreatCircle(coordinates=[[52.52, 13.40], [48.86, 2.35]], time_unit=1.0)
    >>> law.of(Graph.build("path", n=2)).round(2).tolist()
    [7.02, 7.02]
    """

    time_unit: Positive = Field(description="milliseconds in one unit of simulated time")
    coordinates: list[Place] | None = None
    file: InputFile | None = None
    nodes: list[int | str] | None = None
    speed: Positive = 200.0
    stretch: Annotated[float, Field(ge=1, le=100, allow_inf_nan=False)] = 1.6
    base: NonNegative = 0.0

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.coordinates is None) == (self.file is None):
            raise ScenarioError("needs to know where the nodes are", allowed="either coordinates or a file")
        for k, place in enumerate(self.coordinates or []):
            for which, (degrees, most) in enumerate(zip(place, (90.0, 180.0), strict=True)):
                if not abs(degrees) <= most:
                    allowed = f"{('latitude', 'longitude')[which]} in degrees, -{most:g} to {most:g}"
                    raise ScenarioError(f"given {degrees:g}", key=("coordinates", k, which), allowed=allowed)
        return self

    def of(self, graph: Graph) -> Floats:
        """Return the delays `(2m,)` of the directed links."""
        latitude, longitude = np.radians(self._places(graph)).T
        i, j = link_ends(graph)
        across = np.sin((longitude[i] - longitude[j]) / 2) ** 2 * np.cos(latitude[i]) * np.cos(latitude[j])
        distance = 2 * EARTH * np.arcsin(np.sqrt(np.sin((latitude[i] - latitude[j]) / 2) ** 2 + across))
        return np.asarray((self.base + self.stretch * distance / self.speed) / self.time_unit)

    def _places(self, graph: Graph) -> Floats:
        """Return latitudes and longitudes of the nodes in degrees, `(n, 2)`."""
        if self.file is None:
            assert self.coordinates is not None
            try:
                node = places(graph, [str(k) for k in range(len(self.coordinates))], self.nodes, "all")
            except ScenarioError as fault:
                raise fault.under(*([] if fault.key else ["coordinates"])) from None
            return np.array(self.coordinates)[node]
        columns = {"lat": ("lat", "latitude"), "lon": ("lon", "lng", "longitude")}
        with inside(self.file):
            text = read_text(self.file, "places")
            rows = list(read_columns(text, columns))
            found = [
                (amount(lat, "latitude", line, -90.0, 90.0), amount(lon, "longitude", line, -180.0, 180.0))
                for line, (lat, lon) in rows
            ]
            named = "name" in text.lower().split("\n", 1)[0].replace('"', "").strip().split(",")
            names = (
                [name for _, (name,) in read_columns(text, {"name": ("name",)})]
                if named
                else map(str, range(len(found)))
            )
            return np.array(found)[places(graph, list(names), self.nodes, "first")]


class Euclidean(Delays, name="euclidean"):
    """Delays proportional to the distance of the nodes in the plane, for topologies that know where their nodes are.

    Parameters
    ----------
    speed : float
        Distance per unit of simulated time; the square of `random_geometric` has side 1.
    base : float
        Time added on every link.

    Examples
    --------
    >>> from gossipsim.graph import Graph
    >>> graph = Graph.from_edges([(0, 1)], positions=[[0.0, 0.0], [0.3, 0.4]])
    >>> Euclidean(speed=2.0, base=0.1).of(graph).round(12).tolist()
    [0.35, 0.35]
    """

    speed: Positive
    base: NonNegative = 0.0

    def of(self, graph: Graph) -> Floats:
        """Return the delays `(2m,)` of the directed links."""
        if graph.positions is None:
            raise ScenarioError(
                "the graph does not know where its nodes are", allowed="a topology such as random_geometric"
            )
        i, j = link_ends(graph)
        distance = np.linalg.norm(graph.positions[i] - graph.positions[j], axis=1)
        return np.asarray(self.base + distance / self.speed)
