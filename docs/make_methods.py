"""Write docs/methods.md from the registries: every method and compressor, what it needs, and its settings.

python docs/make_methods.py
"""

from pathlib import Path

from gossipsim.manual import allowed, family_named
from gossipsim.schema import settings_schema

HEAD = """\
# Methods and compressors

Made by `python docs/make_methods.py` from the same settings that validate a scenario. `gossipsim show methods NAME` prints
the equations, the source and what is promised.
"""


def settings(member):
    """Return the lines of a member's table of settings."""
    schema = settings_schema(member)
    rows = []
    for name, field in schema["properties"].items():
        if name == "name" and "const" in field:
            continue
        default = field.get("default")
        written = "required" if name in schema.get("required", []) else "theory" if default is None else f"`{default}`"
        text = " ".join(field.get("description", "").split()).replace("|", "\\|")
        what = allowed(field, schema).replace("|", "\\|")
        rows.append(f"| `{name}` | {what} | {written} | {text} |")
    return ["", "| setting | | default | |", "|---|---|---|---|", *rows] if rows else []


def page():
    """Return the whole page."""
    lines = [HEAD]
    for family, title in (("methods", "Methods"), ("compressors", "Compressors")):
        lines.append(f"## {title}\n")
        for name, member in sorted(family_named(family).registry.items()):
            lines += [f"### `{name}`", "", member.summary()]
            if hasattr(member, "needs"):
                lines += ["", f"Needs {member.needs()}."]
            lines += [*settings(member), ""]
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    Path(__file__).with_name("methods.md").write_text(page(), encoding="utf-8")
