"""Nodes that walk about in a square, joined when near."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from gossipsim.component import Nodes, NonNegative, Positive, Seed
from gossipsim.graph import Graph
from gossipsim.stream import generator
from gossipsim.topologies.changing import ChangingTopology
from gossipsim.topologies.random_geometric import near


class RandomWaypoint(ChangingTopology, name="random_waypoint"):
    """Every node walks straight to a uniform point of the unit square, pauses, and chooses the next; joined within `radius`.

    The graph is taken at the beginning of every epoch. Nodes start uniformly, on their way to a first point (Johnson, Maltz,
    "Dynamic source routing in ad hoc wireless networks", 1996).

    Examples
    --------
    >>> walk = RandomWaypoint(n=20, radius=0.35, speed=0.05, every=1.0, count=30)
    >>> steps = np.linalg.norm(np.diff(walk.epochs().positions, axis=0), axis=2)
    >>> bool(steps.max() <= 0.05 + 1e-12)
    True
    """

    n: Nodes
    radius: Positive = Field(description="largest distance of two joined nodes; the square has side 1")
    speed: Positive = Field(description="sides of the square per unit of simulated time")
    pause: NonNegative = Field(default=0.0, description="time spent at every point, in units of simulated time")
    count: int = Field(default=200, ge=1, le=100_000, description="epochs")
    seed: Seed = 0
    connect: bool = Field(default=True, description="join the pieces of a disconnected graph where they are closest")

    def snapshots(self) -> list[Graph]:
        """Return the graphs at times 0, every, 2 every, ..."""
        random = generator(self.seed, "topology", self.name)
        spot, goal = random.random((self.n, 2)), random.random((self.n, 2))
        waits = np.zeros(self.n)
        found = []
        for _ in range(self.count):
            found.append(near(spot.copy(), self.radius, self.connect))
            self._walk(spot, goal, waits, random)
        return found

    def _walk(
        self,
        spot: NDArray[np.float64],
        goal: NDArray[np.float64],
        waits: NDArray[np.float64],
        random: np.random.Generator,
    ) -> None:
        """Move all nodes for one epoch, in place."""
        left = np.full(self.n, self.every)
        while (left > 0.0).any():
            pausing = np.minimum(waits, left)
            waits -= pausing
            left -= pausing
            way = goal - spot
            length = np.linalg.norm(way, axis=1)
            needed = length / self.speed
            walked = np.where(left > 0.0, np.minimum(needed, left), 0.0)
            arrived = (left > 0.0) & (needed <= left)
            share = np.divide(walked, needed, out=np.ones(self.n), where=needed > 0.0)
            spot += np.where(walked > 0.0, share, 0.0)[:, None] * way
            left -= walked
            spot[arrived] = goal[arrived]
            goal[arrived] = random.random((int(arrived.sum()), 2))
            waits[arrived] = self.pause
