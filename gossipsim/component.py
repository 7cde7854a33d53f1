"""Everything that can be named in a scenario: frozen, validated, registered settings."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, ClassVar, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, ValidationInfo

from gossipsim.errors import ScenarioError, nearest, shown
from gossipsim.kernels import Kernel

USER_MODULE = "_gossipsim_user_"


def _resolve(path: Path, info: ValidationInfo) -> Path:
    base = (info.context or {}).get("base") or Path.cwd()
    return (Path(base) / path.expanduser()).resolve()


def _to_path(value: Any) -> Any:
    return Path(value) if isinstance(value, str) and value else value


InputFile = Annotated[Path, BeforeValidator(_to_path), AfterValidator(_resolve)]
"""A file named in a scenario; relative paths start at the scenario's own folder."""

LARGEST = 1e100
"""Largest number taken in a scenario; beyond it formulas would overflow."""

Positive = Annotated[float, Field(gt=0, le=LARGEST, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, le=LARGEST, allow_inf_nan=False)]
Finite = Annotated[float, Field(ge=-LARGEST, le=LARGEST, allow_inf_nan=False)]
Probability = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Seed = Annotated[int, Field(ge=0, lt=2**63)]
Nodes = Annotated[int, Field(ge=1, le=10_000_000)]
Dimension = Annotated[int, Field(ge=1, le=1_000_000)]


class Settings(BaseModel):
    """A frozen record of validated settings; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, ignored_types=(Kernel,), defer_build=True)

    @classmethod
    def read(cls, values: Mapping[str, Any], base: Path | None = None) -> Self:
        """Validate `values`; the first fault becomes a `ScenarioError` that names the key."""
        try:
            return cls.model_validate(dict(values), context={"base": base})
        except ValidationError as problem:
            raise _explain(problem, cls, values) from None


class Component(Settings):
    """Settings with a name: one member of a family such as methods or topologies.

    A family is `class Method(Component, kind="method")`; a member is `class Dadao(Method, name="dadao")`.
    The first line of a member's docstring is what `gossipsim show` prints.
    """

    kind: ClassVar[str] = ""
    name: ClassVar[str] = ""
    registry: ClassVar[dict[str, type[Component]]]
    shorthand: ClassVar[dict[str, str]] = {}
    """Keys that imply a name, such as `file` in `topology: {file: g.graphml}`."""

    def __init_subclass__(cls, **_: Any) -> None:
        """Accept `name` and `kind`; they are handled once the class is complete."""
        super().__init_subclass__()

    @classmethod
    def __pydantic_init_subclass__(cls, *, name: str = "", kind: str = "", **kwargs: Any) -> None:
        super().__pydantic_init_subclass__(**kwargs)
        if kind:
            cls.kind, cls.registry = kind, {}
        if name:
            cls.name = name
            if not cls.__module__.startswith(USER_MODULE):
                taken = cls.registry.get(name)
                if taken is not None and taken.__qualname__ != cls.__qualname__:
                    raise TypeError(f"{cls.kind} {name!r} is already {taken.__module__}.{taken.__qualname__}")
                cls.registry[name] = cls

    @classmethod
    def parse(cls, spec: object, base: Path | None = None) -> Self:
        """Build the member that `spec` names.

        Parameters
        ----------
        spec : str, mapping or member
            `"dadao"`, `{"name": "choco", "lr": 0.05}`, `{"name": "my.py:Mine"}`, or a member itself.
        base : Path, optional
            Where relative paths start (default: the current folder).

        Raises
        ------
        ScenarioError
            Unknown name or key, or a value of the wrong type or range.
        """
        if isinstance(spec, cls):
            return spec
        if isinstance(spec, str):
            spec = {"name": spec}
        if not isinstance(spec, Mapping):
            raise ScenarioError(f"given {shown(spec)}", allowed=f"a {cls.kind} name or a mapping with a name")
        values = dict(spec)
        name = values.pop("name", None)
        if name is None:
            name = next((implied for key, implied in cls.shorthand.items() if key in values), None)
        if name is None:
            keys = ["name", *cls.shorthand]
            wrong = next((k for k in values if nearest(k, keys)), None)
            raise ScenarioError(
                f"{cls.kind} without a name",
                allowed=f"name: one of {', '.join(sorted(cls.registry))}",
                hint=nearest(wrong, keys) if wrong else None,
            )
        return cls.find(name, base).read(values, base)

    @classmethod
    def find(cls, name: object, base: Path | None = None) -> type[Self]:
        """Return the class registered as `name`, or the class that `path.py:Class` names."""
        if isinstance(name, str) and name in cls.registry:
            return cls.registry[name]  # type: ignore[return-value]
        if isinstance(name, str) and ".py:" in name:
            return cls._load(name, base)
        raise ScenarioError(
            f"unknown {cls.kind} {shown(name)}",
            key=("name",),
            allowed=", ".join(sorted(cls.registry)) + ", or a file such as mine.py:Mine",
            hint=nearest(name, cls.registry),
        )

    @classmethod
    def _load(cls, name: str, base: Path | None) -> type[Self]:
        file, _, attribute = name.rpartition(":")
        path = (Path(base or Path.cwd()) / file).resolve()
        if not path.is_file():
            raise ScenarioError(f"no file {shown(file)}", key=("name",), allowed="path.py:Class with an existing file")
        module_name = f"{USER_MODULE}{abs(hash((path, path.stat().st_mtime_ns))):x}"
        module = sys.modules.get(module_name)
        if module is None:
            found = importlib.util.spec_from_file_location(module_name, path)
            assert found is not None
            assert found.loader is not None
            module = importlib.util.module_from_spec(found)
            sys.modules[module_name] = module
            try:
                found.loader.exec_module(module)
                for part in vars(module).values():  # a type that pydantic does not know shows now
                    if isinstance(part, type) and issubclass(part, Settings):
                        part.model_rebuild()
            except (Exception, SystemExit) as fault:
                del sys.modules[module_name]
                said = str(fault).partition("\n")[0]
                raise ScenarioError(f"{file} fails on import: {type(fault).__name__}: {said}", key=("name",)) from fault
        member = getattr(module, attribute, None)
        if not (isinstance(member, type) and issubclass(member, cls)):
            members = [
                k for k, v in vars(module).items() if isinstance(v, type) and issubclass(v, cls) and v is not cls
            ]
            raise ScenarioError(
                f"{file} has no {cls.kind} {attribute!r}",
                key=("name",),
                allowed=", ".join(members) or f"a subclass of {cls.__name__}",
                hint=nearest(attribute, members),
            )
        member.name = f"{path}:{attribute}"
        return member

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Travel to other processes as a mapping when the class is from a file, which they load themselves."""
        if not type(self).__module__.startswith(USER_MODULE):
            return super().__reduce_ex__(protocol)
        family = next(base for base in type(self).__mro__ if "registry" in vars(base))
        return _read_again, (family, self.spec())

    def spec(self) -> dict[str, Any]:
        """Return the mapping that `parse` turns back into an equal member."""
        values = self.model_dump(mode="json", exclude_none=True)
        implied = {key for key, name in self.shorthand.items() if name == self.name and key in values}
        return values if implied else {"name": self.name, **values}

    @classmethod
    def summary(cls) -> str:
        """Return the first line of the docstring."""
        return (cls.__doc__ or "").strip().split("\n", maxsplit=1)[0]


_WORDS = {
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "string_type": "text",
    "bool_type": "true or false",
    "list_type": "a list",
    "tuple_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "too_short": "a list that is not empty",
    "path_type": "a file path",
    "is_instance_of": "a file path",
}


def _explain(problem: ValidationError, cls: type[BaseModel], values: Mapping[str, Any]) -> ScenarioError:
    faults = problem.errors(include_url=False)
    fault = next((f for f in faults if f["type"] == "extra_forbidden"), faults[0])
    key = tuple(part for part in fault["loc"] if not (isinstance(part, str) and "[" in part))
    kind, given, context = fault["type"], fault["input"], fault.get("ctx", {})
    if kind == "extra_forbidden":
        names = [field.alias or name for name, field in _owner(cls, key).model_fields.items()]
        return ScenarioError(
            f"unknown key {key[-1]!r}", key=key, allowed=", ".join(names) or "no keys", hint=nearest(key[-1], names)
        )
    if kind == "missing":
        field = _owner(cls, key).model_fields.get(str(key[-1]))
        what = f" ({field.description})" if field is not None and field.description else ""
        present = [k for k in values if k not in cls.model_fields]
        return ScenarioError(f"missing key {key[-1]!r}{what}", key=key[:-1], hint=nearest(key[-1], map(str, present)))
    if kind == "literal_error":
        allowed = str(context.get("expected", ""))
        names = [w.strip("' ") for w in allowed.replace(" or ", ", ").split(",")]
        return ScenarioError(f"given {shown(given)}", key=key, allowed=allowed, hint=nearest(given, names))
    if kind == "value_error":
        inner = context.get("error")
        if isinstance(inner, ScenarioError):
            return inner.under(*key)
        return ScenarioError(f"given {shown(given)}", key=key, allowed=str(inner))
    if kind in {"less_than_equal", "greater_than_equal"}:
        bound, word = (context["le"], "at most") if "le" in context else (context["ge"], "at least")
        return ScenarioError(f"given {shown(given)}", key=key, allowed=f"{word} {bound:.15g}")
    allowed = _WORDS.get(kind) or fault["msg"].removeprefix("Input should be ").removeprefix("a valid ")
    return ScenarioError(f"given {shown(given)}", key=key, allowed=allowed)


def _owner(cls: type[BaseModel], key: Sequence[int | str]) -> type[BaseModel]:
    """Return the settings that hold the last name of a key path: `cls`, or settings inside it."""
    for part in key[:-1]:
        field = cls.model_fields.get(str(part))
        kinds = () if field is None else (field.annotation, *get_args(field.annotation))
        cls = next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), cls)
    return cls


def plain(given: Any) -> Any:
    """Return plain data for mappings that hold components, paths, tuples or NumPy values.

    Examples
    --------
    >>> plain({"file": Path("a.csv"), "pair": (1, 2)})
    {'file': 'a.csv', 'pair': [1, 2]}
    """
    if isinstance(given, Component):
        return given.spec()
    if isinstance(given, Settings):
        return given.model_dump(mode="json", exclude_none=True)
    if isinstance(given, Mapping):
        return {str(name): plain(value) for name, value in given.items()}
    if isinstance(given, list | tuple):
        return [plain(value) for value in given]
    if isinstance(given, Path):
        return str(given)
    if hasattr(given, "tolist"):
        return given.tolist()
    return given


def _read_again(family: type[Component], spec: dict[str, Any]) -> Component:
    return family.parse(spec)
