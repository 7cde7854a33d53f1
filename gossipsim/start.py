"""Where the nodes start: the family `init`."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from gossipsim.component import Component, InputFile, NonNegative
from gossipsim.errors import ScenarioError, nearest
from gossipsim.stream import generator


class Init(Component, kind="init"):
    """Starting points of the nodes' vectors; fields that are not set start at zero."""

    shorthand = {"file": "file"}

    def fill(self, rows: NDArray[Any], fields: list[str], primal: str, objective: Any, seed: int) -> None:
        """Write the start into the rows `(n,)` of the nodes."""
        raise NotImplementedError


class Zeros(Init, name="zeros"):
    """Every node starts at the origin."""

    def fill(self, rows: NDArray[Any], fields: list[str], primal: str, objective: Any, seed: int) -> None:
        """Leave the rows at zero."""


class Normal(Init, name="normal"):
    """Every coordinate of every node is drawn from N(0, scale^2), independently.

    Parameters
    ----------
    scale : float
        Standard deviation.
    """

    scale: NonNegative = 1.0

    def fill(self, rows: NDArray[Any], fields: list[str], primal: str, objective: Any, seed: int) -> None:
        """Draw the primal field from the stream (seed, "start")."""
        shape = rows[primal].shape
        rows[primal] = self.scale * generator(seed, "start").standard_normal(shape)


class LocalOptimum(Init, name="local_optimum"):
    """Every node starts at the minimiser of its own function."""

    def fill(self, rows: NDArray[Any], fields: list[str], primal: str, objective: Any, seed: int) -> None:
        """Set the primal field to the local minimisers."""
        points = objective.local_optima
        missing = np.flatnonzero(~np.isfinite(points).all(axis=1))
        if len(missing):
            raise ScenarioError(
                f"node {missing[0]} has no unique local minimiser", key=("name",), allowed="zeros, normal or file"
            )
        rows[primal] = points


class FromFile(Init, name="file"):
    """Vectors read from an npz file with arrays `(n, d)` named like the method's fields.

    Parameters
    ----------
    file : path
        The archive.
    """

    file: InputFile

    def fill(self, rows: NDArray[Any], fields: list[str], primal: str, objective: Any, seed: int) -> None:
        """Copy every array into the field of its name; the others stay zero."""
        try:
            with np.load(self.file, allow_pickle=False) as archive:
                arrays = {name: archive[name] for name in archive.files}
        except FileNotFoundError:
            raise ScenarioError(f"no file {self.file}", key=("file",), allowed="an npz archive") from None
        except Exception as fault:  # a broken archive raises whatever its reader happens to meet
            raise ScenarioError(f"cannot read {self.file}: {fault}", key=("file",), allowed="an npz archive") from None
        if not arrays:
            raise ScenarioError(f"{self.file} holds no array", key=("file",), allowed=f"arrays {', '.join(fields)}")
        for name, array in arrays.items():
            if name not in fields:
                raise ScenarioError(
                    f"{self.file.name} holds an array {name!r} that the method has no field for",
                    key=("file",),
                    allowed=", ".join(fields),
                    hint=nearest(name, fields),
                )
            if array.shape != rows[name].shape or array.dtype.kind not in "fiu":
                raise ScenarioError(
                    f"array {name!r} in {self.file.name} has shape {array.shape} and type {array.dtype}",
                    key=("file",),
                    allowed=f"numbers of shape {rows[name].shape}",
                )
            bad = np.argwhere(~np.isfinite(array))
            if len(bad):
                raise ScenarioError(f"array {name!r} in {self.file.name} is not finite at {tuple(map(int, bad[0]))}",
                                    key=("file",), allowed="finite numbers")  # fmt: skip
            rows[name] = array
