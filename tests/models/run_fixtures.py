#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the archives that real torch releases wrote, and compares with what PyTorch computed.

    run_fixtures.py PT2GPU --device lavapipe [--only REGEX] [--quick] [--jobs N] [--validation]

tests/data/fixtures.tar.xz holds a folder for each release with NAME.pt2 and NAME.npz. Arrays are named r<k>_in<i>,
r<k>_out<j>, r<k>_mut<i> (an input after the model wrote into it) and r<k>_state_<fqn>, for consecutive runs k of one
instance. expect.json in a folder lists archives that must be refused. known.json beside this script lists what is known
to fail, with the reason.
"""
import argparse
import concurrent.futures
import json
import os
import re
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import devices
from unpack import unpack

try:
    import numpy as np
    import compare
except ImportError:
    print("skipped: this Python has no numpy (package python3-numpy)")
    sys.exit(devices.SKIP)

HERE = os.path.dirname(os.path.abspath(__file__))
DATA = os.path.join(os.path.dirname(HERE), "data", "fixtures.tar.xz")
QUICK = ("torch-2.1.2", "torch-2.7.1", "torch-2.8.0", "torch-2.13.0", "torch-2.13.0-edge", "torch-2.15.0")
SHARE = 1e-4        # of the largest output
SHARE_BFLOAT = 2e-2 # where the model computes in bfloat16
BFLOAT = ("bf16_mlp", "autocast")


def parse(npz):
    """{run: {"in": {i: array}, "out": ..., "mut": ..., "state": {fqn: array}}}"""
    runs = {}
    for key in npz.files:
        k, kind, which = re.fullmatch(r"r(\d+)_(in|out|mut|state_)(.*)", key).groups()
        group = runs.setdefault(int(k), {"in": {}, "out": {}, "mut": {}, "state": {}})
        group[kind.rstrip("_")][which if kind == "state_" else int(which)] = npz[key]
    return runs


class Runner:
    def __init__(self, pt2gpu, device, validation, work):
        self.pt2gpu, self.device, self.work = pt2gpu, device, work
        self.extra = {"PT2_VALIDATE": "1"} if validation else {}

    def call(self, *args):
        return devices.run(self.device, [self.pt2gpu, *args], 300, self.extra)

    def said(self, process):
        lines = (process.stderr.strip() or f"exit status {process.returncode}").splitlines()
        sanitizer = [line for line in lines if "Sanitizer" in line or "runtime error" in line]
        return (sanitizer or lines)[-1 if not sanitizer else 0]

    def names(self, path):
        """The inputs' own names by leaf, under which mutated ones are kept as state."""
        process = self.call("info", path, "--json")
        return {leaf["leaf"]: leaf["name"] for leaf in json.loads(process.stdout)["inputs"]}

    def refused(self, path, how):
        """'' when the archive is refused with a message and an exit status for it."""
        with tempfile.TemporaryDirectory(dir=self.work) as folder:
            out = os.path.join(folder, "out.npz")
            process = self.call("run", path, "--backend=" + self.device.backend, "--output=" + out)
            if process.returncode not in (1, 3):
                return f"must be refused ({how}): exit status {process.returncode}: {self.said(process)}"
            if not process.stderr.startswith("pt2gpu: ") or len(process.stderr.splitlines()) != 1:
                return f"refused without a clear message: {process.stderr[:300]!r}"
            return "a refused model left an output file" if os.path.exists(out) else ""

    def compare_run(self, k, run, outputs, share):
        for j, want in sorted(run["out"].items()):
            name = f"out_{j}"
            if name not in outputs:
                return f"run {k}: {name} is missing"
            wrong = compare.relative(f"run {k} {name}", outputs[name], want, share)
            if wrong:
                return wrong
        extra = set(outputs.files) - {f"out_{j}" for j in run["out"]}
        return f"run {k}: unexpected {sorted(extra)}" if extra else ""

    def compare_state(self, path, k, run, state, share):
        wanted = dict(run["state"])
        if run["mut"]:
            names = self.names(path)
            wanted.update({names[i]: array for i, array in run["mut"].items()})
        for name, want in wanted.items():
            if name not in state: # torch 2.1 and 2.2 name state as Dynamo did
                name = "L__self___" + name.replace(".", "_")
            if name not in state:
                return f"run {k}: no state {name}, only {sorted(state.files)}"
            wrong = compare.relative(f"run {k} state {name}", state[name], want, share)
            if wrong:
                return wrong
        return ""

    def run(self, path, name):
        """'' or what is wrong. State is compared after every run, which takes a process for each number of runs."""
        share = SHARE_BFLOAT if name in BFLOAT else SHARE
        with np.load(path[:-4] + ".npz") as npz, tempfile.TemporaryDirectory(dir=self.work) as folder:
            runs = parse(npz)
            inputs = []
            for k in sorted(runs):
                inputs.append(os.path.join(folder, f"in{k}.npz"))
                np.savez(inputs[-1], **{f"in_{i}": a for i, a in runs[k]["in"].items()})
            for count in range(1, len(runs) + 1):
                wants_state = runs[count - 1]["state"] or runs[count - 1]["mut"]
                if count < len(runs) and not wants_state:
                    continue
                wrong = self.run_some(path, runs, inputs[:count], folder, share)
                if wrong:
                    return wrong
        return ""

    def run_some(self, path, runs, inputs, folder, share):
        out, state = os.path.join(folder, "out.npz"), os.path.join(folder, "state.npz")
        process = self.call("run", path, "--backend=" + self.device.backend, "--output=" + out,
                            "--save-state=" + state, *["--input=" + i for i in inputs])
        if process.returncode:
            return self.said(process)
        if process.stderr.strip(): # messages of the validation layers, say
            return "ran, but said: " + " ".join(process.stderr.split())[:600]
        for k in range(len(inputs)):
            with np.load(out if len(inputs) == 1 else f"{out[:-4]}.{k}.npz") as outputs:
                wrong = self.compare_run(k, runs[k], outputs, share)
            if wrong:
                return wrong
        with np.load(state) as saved:
            return self.compare_state(path, len(inputs) - 1, runs[len(inputs) - 1], saved, share)

    def programs(self, path):
        """An archive of several programs: refused without a name, and both run with one."""
        process = self.call("run", path, "--backend=" + self.device.backend)
        if process.returncode not in (1, 2):
            return f"must ask for --program: exit status {process.returncode}: {self.said(process)}"
        for name in ("enc", "sub/dec"):
            process = self.call("run", path, "--backend=" + self.device.backend, "--program=" + name)
            if process.returncode:
                return f"--program={name}: {self.said(process)}"
        return ""

    def case(self, folder, name, expect):
        path = os.path.join(folder, name + ".pt2")
        try:
            if expect in ("refuse", "no-data"):
                return self.refused(path, expect)
            return self.programs(path) if expect == "refuse-without-name" else self.run(path, name)
        except (OSError, ValueError, KeyError) as e: # an output that is no npz, say
            return f"{type(e).__name__}: {e}"


def collect(root, quick, only):
    for release in sorted(os.listdir(root)):
        folder = os.path.join(root, release)
        if not os.path.isdir(folder) or (quick and release not in QUICK):
            continue
        expect_path = os.path.join(folder, "expect.json")
        expect = json.load(open(expect_path))["archives"] if os.path.exists(expect_path) else {}
        for file in sorted(os.listdir(folder)):
            name, ext = os.path.splitext(file)
            if ext == ".pt2" and (not only or re.search(only, f"{release}/{name}")):
                yield release, folder, name, expect.get(name, ["run"])[0]


def report(results, device):
    known = json.load(open(os.path.join(HERE, "known.json")))
    known = {**known.get("all", {}), **known.get(device, {})}
    failed = 0
    for case, wrong in sorted(results.items()):
        reason = next((why for pattern, why in known.items() if re.fullmatch(pattern, case)), None)
        if wrong and reason:
            print(f"known    {case}: {reason}: {wrong}")
        elif wrong:
            failed += 1
            print(f"FAILED   {case}: {wrong}")
        elif reason:
            failed += 1
            print(f"FAILED   {case} passes, but known.json says: {reason}")
    passed = sum(not wrong for wrong in results.values())
    print(f"{device}: {passed} of {len(results)} archives right")
    return failed


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pt2gpu")
    parser.add_argument("--device", default="reference")
    parser.add_argument("--only", help="regular expression on RELEASE/NAME")
    parser.add_argument("--quick", action="store_true", help="one release of each layout, and the edge cases")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--validation", action="store_true", help="under the Vulkan validation layers: no message")
    parser.add_argument("--work", help="folder for unpacked archives (default: beside the command)")
    a = parser.parse_args()
    device = devices.need(a.device, a.pt2gpu)
    work = a.work or os.path.join(os.path.dirname(os.path.abspath(a.pt2gpu)), "test-data")
    root = unpack(DATA, os.path.join(work, "fixtures"))
    runner = Runner(os.path.abspath(a.pt2gpu), device, a.validation, work)
    cases = list(collect(root, a.quick or os.environ.get("PT2_QUICK") == "1", a.only))
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        wrong = list(pool.map(lambda c: runner.case(c[1], c[2], c[3]), cases))
    results = {f"{release}/{name}": w for (release, _, name, _), w in zip(cases, wrong)}
    if not results:
        sys.exit("no archive selected")
    sys.exit(1 if report(results, a.device) else 0)


if __name__ == "__main__":
    main()
