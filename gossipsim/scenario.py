"""One run as a frozen, validated record: read from YAML, changed by dotted keys, written back."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from gossipsim.component import Component, Positive, Seed, Settings, plain
from gossipsim.compressors import Compressor
from gossipsim.document import Document, yaml_text
from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.family import Member
from gossipsim.fleet import Fleet
from gossipsim.methods.base import Method
from gossipsim.metrics import Metric
from gossipsim.mixing import KINDS
from gossipsim.problems import Problem
from gossipsim.rates import Rates
from gossipsim.recording import Clocks
from gossipsim.sampling import Sampling
from gossipsim.start import Init
from gossipsim.topologies import Topology
from gossipsim.wire import Wire

Count = Annotated[int, Field(ge=1)]


class Run(Settings):
    """When a run stops: at the first of its limits.

    Parameters
    ----------
    time : float, optional
        Simulated time, in mean gradient times of a unit-rate node.
    events, gradients, activations : int, optional
        Numbers of events, of gradients, of exchanges in the whole network.
    bits : int, optional
        Bits on all links together.
    rounds : int, optional
        Synchronous rounds.
    error : float, optional
        Stop once the metric `error` is at most this, looked at when recording.
    """

    time: Positive | None = None
    events: Count | None = None
    gradients: Count | None = None
    activations: Count | None = None
    bits: Count | None = None
    rounds: Count | None = None
    error: Positive | None = None

    @property
    def bounded(self) -> bool:
        """Whether anything stops the run."""
        return any(value is not None for value in self.__dict__.values())


def _metric_names(names: Any) -> Any:
    if isinstance(names, list):
        for k, name in enumerate(names):
            if name not in Metric.registry:
                raise ScenarioError(
                    f"unknown metric {shown(name)}",
                    key=("metrics", k),
                    allowed=", ".join(Metric.registry),
                    hint=nearest(name, Metric.registry),
                )
    return names


class Record(Settings):
    """What is recorded, and when.

    Parameters
    ----------
    points : int
        Records after the start, evenly spaced up to the run's limit; when no limit tells the length, the spacing doubles
        whenever there are twice as many.
    every : float, optional
        Time between records, instead of `points`.
    metrics : list of str
        Names shown by `gossipsim show metrics`.
    """

    points: Annotated[int, Field(ge=1, le=10_000_000)] = 200
    every: Positive | None = None
    metrics: Annotated[list[str], Field(min_length=1), BeforeValidator(_metric_names)] = ["error", "consensus", "gap"]


def _mixing_kind(kind: str) -> str:
    if kind not in KINDS:
        raise ScenarioError(f"given {shown(kind)}", allowed=", ".join(KINDS), hint=nearest(kind, KINDS))
    return kind


class Scenario(Settings):
    """A topology, a problem, a method, and how long to run them.

    Examples
    --------
    >>> s = Scenario.parse({
    ...     "topology": {"name": "cycle", "n": 8},
    ...     "problem": {"name": "quadratic", "dim": 2},
    ...     "method": "gossip",
    ...     "run": {"time": 10},
    ... })
    >>> s.replace({"method.name": "dadao"}).method.name
    'dadao'
    >>> Scenario.parse(s.dump()) == s
    True
    """

    name: Annotated[str, Field(min_length=1, max_length=100, pattern=r"^[\w. -]+$")] = "scenario"
    seed: Seed = 0
    topology: Annotated[Topology, Member]
    problem: Annotated[Problem, Member]
    method: Annotated[Method, Member]
    rates: Annotated[Rates, Member] = Field(default_factory=lambda: Rates.parse("uniform"))
    mixing: Annotated[str, AfterValidator(_mixing_kind)] | None = None
    compressor: Annotated[Compressor, Member] | None = None
    init: Annotated[Init, Member] | None = None
    sampling: Annotated[Sampling, Member] = Sampling()
    fleet: Annotated[Fleet, Member] = Fleet()
    wire: Annotated[Wire, Member] = Wire()
    clocks: Annotated[Clocks, Member] = Clocks()
    run: Annotated[Run, Member] = Run()
    record: Annotated[Record, Member] = Record()

    @model_validator(mode="after")
    def _can_stop(self) -> Self:
        if not self.run.bounded and self.clocks.trace is None:
            raise ScenarioError("nothing says when to stop", key=("run",), allowed=", ".join(Run.model_fields))
        if self.run.rounds is not None and self.method.talks not in {"round", "route"}:
            raise ScenarioError(
                f"{self.method.name} has no rounds",
                key=("run", "rounds"),
                allowed="time, events, gradients, bits, error",
            )
        return self

    @classmethod
    def load(cls, path: str | Path, overrides: Mapping[str, Any] | None = None) -> Scenario:
        """Read a scenario file; `overrides` are dotted keys as for `replace`.

        Raises
        ------
        ScenarioError
            Names the file, the line and the key, what was given and what is allowed.
        """
        document = Document.load(path)
        return cls.from_document(document, overrides)

    @classmethod
    def parse(cls, given: Mapping[str, Any] | str, base: Path | None = None) -> Scenario:
        """Validate a mapping, or YAML text."""
        document = Document.read(given) if isinstance(given, str) else Document(plain(given))
        return cls.from_document(document, base=base)

    @classmethod
    def from_document(
        cls, document: Document, overrides: Mapping[str, Any] | None = None, base: Path | None = None
    ) -> Scenario:
        """Validate a document; every error names the line."""
        try:
            change(document, overrides or {})
            data = document.data
            if not isinstance(data, dict):
                raise ScenarioError(f"given {shown(data)}", allowed="a mapping with topology, problem, method and run")
            if "methods" in data:
                raise ScenarioError("this compares methods: use gs.compare or gossipsim run", key=("methods",))
            return cls.read(data, base or (document.file.parent if document.file else None))
        except ScenarioError as fault:
            raise document.locate(fault) from None

    def replace(self, changes: Mapping[str, Any]) -> Scenario:
        """Return a changed copy: `{"method.name": "dadao", "topology.n": 64}`.

        A new name keeps the keys that the new member knows and drops the others.
        """
        return self.from_document(Document(self.mapping()), changes)

    def mapping(self) -> dict[str, Any]:
        """Return plain data that `parse` turns into an equal scenario."""
        found: dict[str, Any] = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if isinstance(value, Component):
                found[name] = value.spec()
            elif isinstance(value, Settings):
                found[name] = value.model_dump(mode="json", exclude_none=True)
            elif value is not None:
                found[name] = value
        return {name: value for name, value in found.items() if value != {}}

    def dump(self) -> str:
        """Return YAML that loads to an equal scenario; files are written with absolute paths."""
        return yaml_text(self.mapping())


def change(document: Document, changes: Mapping[str, Any]) -> None:
    """Set dotted keys in a document; a new name keeps the settings that the new member knows, and drops the others.

    A whole component is set first, then its name, then its settings, in whatever order they are given.

    Examples
    --------
    >>> document = Document({"method": {"name": "dadao", "gamma": 0.1}})
    >>> change(document, {"method.name": "gossip"})
    >>> document.data
    {'method': {'name': 'gossip'}}
    """
    for key in sorted(changes, key=lambda key: (key.count("."), not key.endswith(".name"))):
        document.set(key, plain(changes[key]))
        if key.endswith(".name") and isinstance(document.data, dict):
            _forget_strangers(document.data, key.removesuffix(".name"))


def _forget_strangers(data: dict[str, Any], key: str) -> None:
    """Drop the keys of a renamed component that its new class does not know."""
    families: dict[str, type[Component]] = {
        "topology": Topology, "problem": Problem, "method": Method, "rates": Rates, "init": Init,
        "compressor": Compressor,
    }  # fmt: skip
    family, values = families.get(key), data.get(key)
    if family is not None and isinstance(values, dict) and values.get("name") in family.registry:
        known = family.registry[values["name"]].model_fields
        data[key] = {name: value for name, value in values.items() if name == "name" or name in known}
