"""Checks and generates what helm does not, with Python's standard library only; scripts/chart calls it.

checks.py readme    prints README.md: README.head.md and a table of values.yaml
checks.py names     values.yaml agrees with values.schema.json, the dashboard and the alerts with docs/metrics.md, the
                    admission policy with docs/annotations.md
"""

import json
import pathlib
import re
import sys

CHART = pathlib.Path(__file__).parent / "tidegate"
DOCS = CHART.parent.parent / "docs"


def values():
    """The keys of values.yaml that have a comment `# -- …`: (path, default, comment).

    Reads the subset of YAML in which that file is written: block mappings indented by two, scalars and empty or inline
    collections on one line. What is nested below a commented key is its default.
    """
    rows, path, comment, below = [], [], None, None
    for line in (CHART / "values.yaml").read_text().splitlines():
        text = line.strip()
        indent = (len(line) - len(line.lstrip())) // 2
        if text.startswith("# --"):
            comment = text[4:].strip()
            continue
        if not text or text.startswith("#"):
            continue
        if below is not None and (indent > below or (indent == below and text.startswith("- "))):
            rows[-1][1].append(text)
            continue
        below = None
        key, _, default = text.partition(":")
        path = path[:indent] + [key]
        if comment is None:
            if default.strip():
                sys.exit(f"values.yaml: {'.'.join(path)} has no comment that begins with --")
            continue
        rows.append((".".join(path), [default.strip()] if default.strip() else [], comment))
        below, comment = indent, None
    return [(name, " ".join(default), text) for name, default, text in rows]


def readme():
    out = [(CHART / "README.head.md").read_text().rstrip(), "", "| Value | Default | Meaning |", "|---|---|---|"]
    for name, default, text in values():
        shown = default if len(default) <= 40 else "see values.yaml"
        shown = f"`{shown}`" if shown != "see values.yaml" else shown
        out.append(f"| `{name}` | {shown} | {text} |".replace("\\|", "|"))
    out += ["", "<!-- Generated: scripts/chart render. -->"]
    print("\n".join(out))


def names():
    wrong = []
    schema = json.loads((CHART / "values.schema.json").read_text())

    def known(path):
        node = schema
        for key in path.split("."):
            node = node.get("properties", {}).get(key)
            if node is None:
                return False
        return True

    documented = {name for name, _, _ in values()}
    wrong += [f"values.schema.json lacks {name}" for name in sorted(documented) if not known(name)]

    def leaves(node, path):
        if path in documented or not node.get("properties"):
            yield path
            return
        for key, child in node["properties"].items():
            yield from leaves(child, f"{path}.{key}".lstrip("."))

    optional = re.compile(r"^global$|Probe\.(initialDelaySeconds|successThreshold)$")
    wrong += [
        f"values.yaml lacks {path}, which values.schema.json has"
        for path in leaves(schema, "")
        if path not in documented and not optional.search(path)
    ]

    metrics = set(re.findall(r"^\| `(\w+)` \| histogram", (DOCS / "metrics.md").read_text(), re.M))
    metrics = {name + end for name in metrics for end in ("_bucket", "_sum", "_count")}
    metrics |= set(re.findall(r"^\| `(\w+)` \| (?:counter|gauge)", (DOCS / "metrics.md").read_text(), re.M))
    for file in ("dashboards/tidegate.json", "templates/prometheusrule.yaml"):
        used = set(re.findall(r"\b(?:tidegate|process)_[a-z_]+\b", (CHART / file).read_text()))
        wrong += [f"{file} uses {name}, which docs/metrics.md does not have" for name in sorted(used - metrics)]

    # The policy is of Ingresses: what stands on Services alone is none of its business.
    rows = re.findall(r"^\| `(tidegate\.dev/[^`]+)` \|(.*)", (DOCS / "annotations.md").read_text(), re.M)
    annotations = {name for name, row in rows if "| Ingress: " in row}
    policy = (CHART / "templates/admissionpolicy.yaml").read_text()
    allowed = set(re.findall(r'"(tidegate\.dev/[a-z-]+)"', policy))
    wrong += [f"admissionpolicy.yaml: {name} differs from docs/annotations.md" for name in sorted(annotations ^ allowed)]
    if wrong:
        sys.exit("\n".join(wrong))


{"readme": readme, "names": names}[sys.argv[1]]()
