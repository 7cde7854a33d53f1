"""What is public is documented: every class and function, and a member's list of parameters is its list of settings."""

import ast
import re
from importlib import import_module
from inspect import cleandoc
from pathlib import Path

import pytest

from gossipsim.component import Component
from gossipsim.manual import FAMILIES, family_named

PACKAGE = Path(__file__).parents[1] / "gossipsim"
FILES = sorted(PACKAGE.rglob("*.py"))


def defined(node, prefix=""):
    """Yield (name, node) of the public classes, functions and methods below a node."""
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef) and not child.name.startswith("_"):
            yield prefix + child.name, child
            if isinstance(child, ast.ClassDef):
                yield from defined(child, f"{child.name}.")


def is_kernel(node):
    return any("kernel" in ast.unparse(decorator) for decorator in getattr(node, "decorator_list", []))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_what_is_public_has_a_docstring(path):
    tree = ast.parse(path.read_text())
    assert ast.get_docstring(tree), "the module says nothing about itself"
    bare = [name for name, node in defined(tree) if not ast.get_docstring(node) and not is_kernel(node)]
    assert not bare


MEMBERS = [member for family in FAMILIES for member in family_named(family).registry.values()]


def said_parameters(cls):
    """Return the names under the heading Parameters of a docstring; None when there is no such heading."""
    lines = cleandoc(cls.__doc__ or "").splitlines()
    if "Parameters" not in lines:
        return None
    rest = lines[lines.index("Parameters") + 2 :]
    end = next((k for k in range(1, len(rest)) if re.fullmatch(r"-{3,}", rest[k])), len(rest) + 1) - 1
    entries = [line.partition(" : ")[0] for line in rest[:end] if line and not line.startswith(" ")]
    return [name.strip() for entry in entries for name in entry.split(",")]


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: f"{member.kind}-{member.name}")
def test_the_first_line_of_a_member_is_one_sentence(member):
    summary = member.summary()
    assert summary.endswith(".")
    assert len(summary) <= 120
    assert member.__doc__ is not member.__mro__[1].__doc__, "the docstring is inherited"


@pytest.mark.parametrize("member", MEMBERS, ids=lambda member: f"{member.kind}-{member.name}")
def test_parameters_in_a_docstring_are_the_settings(member):
    fields = set(member.model_fields)
    known = set()
    for cls in member.__mro__:
        if isinstance(cls, type) and issubclass(cls, Component) and cls is not Component:
            own = said_parameters(cls)
            assert own is None or set(own) <= fields, f"{cls.__name__} documents settings that do not exist"
            known |= set(own or [])
    known |= {name for name, field in member.model_fields.items() if field.description}
    if said_parameters(member) is not None:
        assert not fields - known, f"{member.__name__} says nothing about {sorted(fields - known)}"


def test_every_exported_name_exists_and_says_what_it_is():
    package = import_module("gossipsim")
    for name in package.__all__:
        assert getattr(package, name).__doc__, name
