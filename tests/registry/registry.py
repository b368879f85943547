#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares PyTorch's operator registry with what the library knows, and with the reasons for what it does not.

    registry.py RESOLVE [--write]

tests/data/registry.txt has the names (tools/registry.py makes it from a release of PyTorch), reasons.txt the reasons.
RESOLVE is the program of resolve.c. Each name is known or has one reason, never both; each pattern of reasons.txt
matches something; and docs/registry.md is what --write writes.
"""
import collections
import fnmatch
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
NAMES = os.path.join(os.path.dirname(HERE), "data", "registry.txt")
DOCS = os.path.join(os.path.dirname(os.path.dirname(HERE)), "docs", "registry.md")
INTRO = """# PyTorch's operators

Written by `tests/registry/registry.py RESOLVE --write` from the registry of {version}. A name is an operator with one
overload: `aten.add.Tensor`. {known} of {count} are known. Further {script} belong to TorchScript alone: no dispatcher
knows them, so no export can call them. What is not known is refused by name before anything runs.

| namespace | names | known |
|---|---:|---:|"""


def registry():
    """The first line's release, the names that graphs can hold, and the number of TorchScript's own."""
    with open(NAMES) as f:
        version = re.search(r"torch [\d.]*\d", f.readline()).group()
        lines = [line.split(": ") for line in f.read().splitlines()]
    names = [f"{packet}.{o}" for packet, overloads in lines for o in overloads.split()]
    return version, [n for n in names if not n.startswith("script ")], sum(n.startswith("script ") for n in names)


def reasons():
    """[(reason, patterns)]"""
    found = []
    with open(os.path.join(HERE, "reasons.txt")) as f:
        for line in f:
            if line.startswith(" "):
                found[-1][1].extend(line.split())
            elif line.strip() and not line.startswith("#"):
                found.append((line.strip(), []))
    return found


def matches(pattern, name):
    return fnmatch.fnmatchcase(name, pattern) or fnmatch.fnmatchcase(name.rsplit(".", 1)[0], pattern)


def compare(names, known):
    """(what is wrong, reason -> names)"""
    wrong, why = [], collections.defaultdict(list)
    for reason, patterns in reasons():
        for pattern in patterns:
            hit = [n for n in names if matches(pattern, n)]
            fresh = [n for n in hit if n not in known and not any(n in ns for ns in why.values())]
            wrong += [f"{n} is known and has a reason: {pattern}" for n in hit if n in known]
            if not fresh:
                wrong.append(f"{pattern} matches nothing that needs a reason")
            why[reason] += fresh
    have = {n for ns in why.values() for n in ns}
    return wrong + [f"{n} has no row and no reason" for n in names if n not in known and n not in have], why


def packets(names):
    return sorted({n.rsplit(".", 1)[0] for n in names})


def document(version, names, known, script, why):
    lines = [INTRO.format(version=version, known=len(known), count=len(names), script=script)]
    spaces = collections.Counter(n.split(".")[0] for n in names)
    have = collections.Counter(n.split(".")[0] for n in known)
    lines += [f"| {s} | {n} | {have[s]} |" for s, n in spaces.most_common()]
    lines += ["", "## What is not known, and why", ""]
    for reason, missing in why.items():
        lines += [f"**{reason[0].upper()}{reason[1:]}** ({len(missing)} names): "
                  + ", ".join(f"`{p}`" for p in packets(missing)), ""]
    return "\n".join(lines).rstrip() + "\n"


def main():
    version, names, script = registry()
    asked = subprocess.run([sys.argv[1]], input="\n".join(names) + "\n", capture_output=True, text=True, check=True)
    known = set(asked.stdout.split())
    wrong, why = compare(names, known)
    text = document(version, names, known, script, why)
    if "--write" in sys.argv:
        with open(DOCS, "w") as f:
            f.write(text)
    elif open(DOCS).read() != text:
        wrong.append("docs/registry.md is not what registry.py --write writes")
    print("\n".join(wrong) or f"{len(known)} of {len(names)} names are known, {len(names) - len(known)} have a reason")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
