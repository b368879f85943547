#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes docs/operators.md from results of the operator suite: what is right where, by operator, dtype and device.

    support.py PT2GPU [--pick all|pairs|ops|N] [--minutes M] [--device reference,lavapipe,...] >docs/operators.md

runs the suite on each device that this machine has: on the reference backend all cases, on the others those that --pick
names (default: all), as many as M minutes allow on each. Results are kept in --folder (default: beside the
command); devices whose results are there already do not run again. The page says how many cases ran.
"""
import argparse
import collections
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
MARKS = {"lavapipe": "L", "lavapipe-gpu": "G", "swiftshader": "S", "pocl": "P", "intel": "I", "rusticl": "R"}
DTYPES = ("float32", "float16", "bfloat16", "float64", "int64", "int32", "int16", "int8", "uint8", "bool", "complex64",
          "complex128")
INTRO = """# Operators

Written by `tests/conformance/support.py build/pt2gpu` from runs of the operator suite
(`tests/conformance/run_suite.py`): PyTorch's own operator samples, exported by `torch.export`, compared with eager
PyTorch within the tolerances of its tests. Operators are named as in PyTorch's operator database; a name covers all
overloads, in-place forms and arguments that the samples have.

A model is never refused because a device lacks something: what has no kernel there runs on the reference backend, and
`pt2gpu plan` says so. An operator that nothing knows is refused by name, with exit status 3, before anything runs.
"""
LEGEND = """✓ right, on every device that ran a case of it. {devices}: right there too, but a part ran on
the reference backend, for a reason of the table above. ✗ wrong and – refused (in a sample at least), on all devices
or on those whose letters follow. Blank: the suite has no case. A device that ran a part of the cases counts for those.
"""


class Cell:
    """The cases of one operator and dtype, by device."""

    def __init__(self):
        self.all, self.marks = set(), collections.defaultdict(set)

    def add(self, device, result):
        self.all.add(device)
        if result["state"] == "unsupported":
            self.marks["–"].add(device)
        elif result["state"] != "passed":
            self.marks["✗"].add(device)
        elif device != "reference" and "reference:" in result["where"]:
            self.marks["r"].add(device)

    @staticmethod
    def letters(devices):
        return "".join(MARKS.get(d, d[0].upper()) for d in sorted(devices))

    def text(self):
        parts = [mark + ("" if self.marks[mark] >= self.all else self.letters(self.marks[mark]))
                 for mark in ("✗", "–") if self.marks[mark]]
        right = self.all - self.marks["✗"] - self.marks["–"]
        if right:
            parts.insert(0, "✓" + self.letters(self.marks["r"] & right))
        return " ".join(parts)


def operator(case):
    _, op, dtype = case.split("/")[:3]
    return op, dtype


def totals(runs):
    """By tier and device: cases that are right, of those that ran."""
    tiers = sorted({t for run in runs for t in run["tiers"]})
    yield "| tier | " + " | ".join(run["device"] for run in runs) + " |"
    yield "|---|" + "---:|" * len(runs)
    for tier in tiers + ["all"]:
        cells = []
        for run in runs:
            rows = run["tiers"].values() if tier == "all" else [run["tiers"].get(tier, {})]
            right, ran = sum(row.get("passed", 0) for row in rows), sum(sum(row.values()) for row in rows)
            cells.append(f"{right} of {ran}" if ran else "")
        yield f"| {tier} | " + " | ".join(cells) + " |"


def exceptions(runs):
    for run in runs:
        wrong = {c: r for c, r in run["cases"].items() if r["state"] != "passed"}
        if wrong:
            yield f"\n{run['device']}:\n"
        for case, r in sorted(wrong.items()):
            reason = re.sub(r"^\S*\.pt2: ", "", r["reason"]).replace("|", "\\|")
            yield f"- `{case}` {r['state']}: {reason[:200]}"


def reasons(runs):
    seen = collections.defaultdict(lambda: collections.defaultdict(set))
    for run in runs:
        for case, r in run["cases"].items():
            for why in re.findall(r"cannot: ([^,;)]*)", r.get("where", "")):
                seen[why][run["device"]].add(operator(case)[0])
    yield "| reason | devices | operators (of the suite) with a part on the reference backend |"
    yield "|---|---|---|"
    for why, devices in sorted(seen.items()):
        together = collections.defaultdict(list)
        for device, ops in devices.items():
            together[tuple(sorted(ops))].append(device)
        for ops, names in together.items():
            listed = list(ops) if len(ops) <= 24 else [*ops[:24], f"and {len(ops) - 24} more"]
            yield f"| {why} | {', '.join(names)} | {', '.join(listed)} |"


def table(runs):
    cells = collections.defaultdict(Cell)
    for run in runs:
        for case, result in run["cases"].items():
            cells[operator(case)].add(run["device"], result)
    present = [d for d in DTYPES if any(d == dtype for _, dtype in cells)]
    present += sorted({dtype for _, dtype in cells} - set(present))
    yield "| operator | " + " | ".join(present) + " |"
    yield "|---|" + "---|" * len(present)
    for op in sorted({op for op, _ in cells}):
        row = [cells[op, d].text() if (op, d) in cells else "" for d in present]
        yield f"| {op} | " + " | ".join(row) + " |"


def run_suite(a, device, path):
    how = "all" if device == "reference" else a.pick
    command = [sys.executable, os.path.join(HERE, "run_suite.py"), a.pt2gpu, "--device", device, "--pick", how,
               "--seed", "operators", "--jobs", str(a.jobs), "--json", path]
    if a.minutes and device != "reference":
        command += ["--minutes", str(a.minutes), "--chunk", "25"]
    subprocess.run(command, stdout=sys.stderr)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pt2gpu")
    parser.add_argument("--pick", default="all")
    parser.add_argument("--device", default="reference," + ",".join(MARKS))
    parser.add_argument("--minutes", type=float, help="for each device but the reference backend")
    parser.add_argument("--folder")
    parser.add_argument("--jobs", type=int, default=2)
    return parser.parse_args()


def main():
    a = arguments()
    folder = a.folder or os.path.join(os.path.dirname(os.path.abspath(a.pt2gpu)), "test-data", "operators")
    os.makedirs(folder, exist_ok=True)
    runs = []
    for device in a.device.split(","):
        path = os.path.join(folder, device + ".json")
        if not os.path.exists(path):
            run_suite(a, device, path)
        if os.path.exists(path):
            runs.append(json.load(open(path)))
    if not runs:
        sys.exit("no device ran")
    marks = ", ".join(f"{MARKS[r['device']]} {r['device']}" for r in runs if r["device"] in MARKS)
    print(INTRO)
    print("Cases that are right, of those that ran:\n")
    print("\n".join(totals(runs)))
    print("\n## Refused or wrong")
    print("\n".join(exceptions(runs)) or "\nNothing.")
    print("\n## Why the reference backend takes part\n")
    print("\n".join(reasons(runs)))
    print("\n## By operator and dtype\n\n" + LEGEND.format(devices=marks or "Letters"))
    print("\n".join(table(runs)))


if __name__ == "__main__":
    main()
