"""The pages of reference, made from registries, docstrings, the command line and the JSON Schema when the site is built."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

from make_docstrings import as_markdown, sections
from make_methods import settings

import gossipsim
from gossipsim.manual import FAMILIES, allowed, family_named

ROOT = Path(__file__).parents[1]
HEADS = {
    "methods": "Methods, each with its equations, what it needs, what theory promises, its settings and a first scenario.",
    "topologies": "Who can talk to whom: `topology: {name: grid, n: 25}`.",
    "problems": "What is minimised: `problem: {name: quadratic, dim: 5}`.",
    "partitions": "How samples are dealt to the nodes: `partition: {name: dirichlet, alpha: 0.5}`, under `problem`.",
    "compressors": "What is left of a vector on the wire: `compressor: {name: top_k, k: 5}`.",
    "rates": "How often each edge exchanges: `rates: {name: optimal}`.",
    "inits": "Where the nodes start: `init: {name: normal, scale: 2.0}`.",
    "metrics": "What is recorded: `record: {metrics: [error, gap]}`.",
    "laws": "How long something takes: `fleet: {compute: {name: lognormal, sigma: 1.0}}`, `wire: {latency: 0.1}`.",
    "losses": "Which messages are lost: `wire: {loss: {name: bernoulli, p: 0.1}}`; a plain number is a probability.",
}


def family_page(family: str) -> str:
    """Return the page of a family: every member with equations, needs, promise, settings, and for methods a scenario."""
    lines = [
        f"# {family.capitalize()}",
        "",
        HEADS.get(family) or _cell(family_named(family).summary()),
        "",
        "| name | |",
        "|---|---|",
    ]
    members = sorted(family_named(family).registry.items())
    lines += [f"| [`{name}`](#{name}) | {_cell(member.summary())} |" for name, member in members]
    for name, member in members:
        parts = sections(inspect.getdoc(member) or "")
        lines += ["", f"## `{name}` {{ #{name} }}", "", as_markdown(parts[""])]
        if hasattr(member, "needs"):
            lines += ["", f"**Needs** {_cell(member.needs())}."]
        lines += ["", as_markdown(parts["Notes"])] if "Notes" in parts else []
        lines += ["", f"**Source**: {_cell(_source(member))}"] if family == "methods" and _source(member) else []
        lines += [line if line.startswith("|") else _cell(line) for line in settings(member)]
        if family == "methods":
            lines += ["", f'```yaml title="{name}.yaml"', example(member).rstrip(), "```"]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    return as_markdown(text)


def _source(member: type) -> str:
    """Return the paragraph of a member's module that names the paper, by its year."""
    paragraphs = (inspect.getdoc(inspect.getmodule(member)) or "").split("\n\n")
    return next((" ".join(each.split()) for each in paragraphs if re.search(r"\b(19|20)\d\d\b", each)), "")


def example(method: Any) -> str:
    """Return a smallest scenario that a method serves, as YAML."""
    lines = [
        "topology: {name: star, n: 9}" if method.server else "topology: {name: cycle, n: 8}",
        "problem: {name: quadratic, dim: 3, mu: 1.0, L: 10.0}",
        f"method: {method.name}",
        *(["compressor: {name: top_k, k: 1}"] if method.compressible else []),
        "run: {rounds: 200}" if method.talks in {"round", "route"} else "run: {time: 50}",
    ]
    return "\n".join(lines) + "\n"


def commands_page() -> str:
    """Return the page of the command line: what every command says about itself."""
    from typer.main import get_command

    from gossipsim.cli import app

    lines = ["# Command line", "", "Exit statuses are explained at the end of [Scenario files](../scenario.md)."]
    for name, command in sorted(get_command(app).commands.items()):  # type: ignore[attr-defined]
        context = command.make_context(f"gossipsim {name}", [], resilient_parsing=True, terminal_width=96)
        lines += ["", f"## `{name}` {{ #{name} }}", "", "```text", command.get_help(context).rstrip(), "```"]
    return "\n".join(lines) + "\n"


def _escaped(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def keys_page() -> str:
    """Return the page of all keys of a scenario file, from its JSON Schema."""
    from gossipsim.schema import scenario_schema

    schema = scenario_schema()
    lines = [
        "# Every key of a scenario file",
        "",
        "Made from the JSON Schema that `gossipsim schema` prints. [Scenario files](../scenario.md) explains them; settings of",
        "a component are on the page of its family.",
        "",
        "| key | value | default | |",
        "|---|---|---|---|",
    ]
    for key, field in schema["properties"].items():
        lines += _rows(key, field, schema, key in schema["required"])
    return "\n".join(lines) + "\n"


def _rows(key: str, field: dict[str, Any], schema: dict[str, Any], required: bool) -> list[str]:
    """Return the row of a key, and after it those of the keys that it holds."""
    held = next((each["$ref"] for each in [field, *field.get("anyOf", [])] if "$ref" in each), "")
    inner = schema["$defs"].get(held.rpartition("/")[2], {})
    default = field.get("default")
    written = (
        "required"
        if required
        else ""
        if default is None or isinstance(default, dict)
        else f"`{_escaped(str(default))}`"
    )
    what = (
        "mapping"
        if "properties" in inner
        else "list of methods"
        if key == "methods"
        else _escaped(_value(field, schema))
    )
    text = _cell(_escaped(field.get("description", inner.get("description", "")).partition("\n")[0]))
    rows = [f"| `{key}` | {what} | {written} | {text} |"]
    for name, each in inner.get("properties", {}).items():
        rows += _rows(f"{key}.{name}", each, schema, name in inner.get("required", []))
    return rows


def _value(field: dict[str, Any], schema: dict[str, Any]) -> str:
    """Say in words what a key allows; a member of a family is not spelt out here."""
    if "oneOf" in field:
        return field["description"].partition(":")[0].lower() if "description" in field else f"a {field['title']}"
    if "anyOf" in field:
        kinds = [each for each in field["anyOf"] if each.get("type") != "null"]
        return " | ".join(dict.fromkeys(_value(each, schema) for each in kinds))
    return allowed(field, schema)


def python_page() -> str:
    """Return the page of the public names, for mkdocstrings to fill."""
    lines = ["# Python", "", "`import gossipsim as gs` gives these names.", ""]
    for name, place in sorted(gossipsim._PLACES.items(), key=lambda item: item[0].lower()):
        lines += [f"::: gossipsim.{place}.{name}", ""]
    return "\n".join(lines)


def scenarios_page() -> str:
    """Return the page of the scenarios that come with the project, each as it stands."""
    folder = ROOT / "scenarios"
    lines = ["# Scenarios that come with it", "", "Each begins with what it teaches."]
    for file in sorted(folder.rglob("*.yaml"), key=lambda file: (len(file.relative_to(folder).parts), file)):
        name = file.relative_to(folder).as_posix()
        lines += [
            "",
            f"## {name}",
            "",
            f'```yaml title="scenarios/{name}"',
            file.read_text(encoding="utf-8").rstrip(),
            "```",
        ]
    return "\n".join(lines) + "\n"


def pages() -> dict[str, str]:
    """Return every generated page by its place in the site."""
    families = {f"reference/{family}.md": family_page(family) for family in FAMILIES if family != "methods"}
    return families | {
        "methods.md": family_page("methods"),
        "reference/commands.md": commands_page(),
        "reference/keys.md": keys_page(),
        "reference/python.md": python_page(),
        "reference/scenarios.md": scenarios_page(),
    }
