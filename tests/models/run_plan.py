#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What the plan promises and what a run shows, for the two archives with independent branches and for dialects.

    run_plan.py PT2GPU --device NAME [--jobs N] [--work DIR]

- simple_net: its two heads are one launch, or two launches without a dependency between them;
- two_towers: no launch of one tower depends on one of the other;
- on a device that runs launches side by side, a trace of two_towers shows launches of both towers overlapping in time;
- a trace is what viewers want: named tracks, no two slices of a track at one time, and every launch of the plan with
  its node, its bytes and its operations;
- a network in primitives or in ExecuTorch's edge dialect has as many launches as its plain export;
- spread by hand over all devices of this machine, they and a model with much to fold give PyTorch's numbers.
"""
import argparse
import json
import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.dirname(HERE))
import devices  # noqa: E402
from unpack import unpack  # noqa: E402

DATA = os.path.join(os.path.dirname(HERE), "data")
NETWORKS = ("resnet", "mobilenet", "bert", "gpt", "rnn")
ATTEMPTS = 400  # launches take a millisecond, and equal ones end together: overlap must be seen once


class Run:
    def __init__(self, args):
        self.device = next((d for d in devices.known() if d.name == args.device), None)
        self.command, self.name = args.pt2gpu, args.device
        self.failures = 0

    def call(self, *words, env=None):
        where = [] if env else [f"--backend={self.device.backend}" if self.device else "--backend=auto"]
        env = env or (self.device.environment() if self.device else os.environ)
        start = self.device.command() if self.device else []
        done = subprocess.run([*start, self.command, *words, *where], capture_output=True, text=True, env=env)
        if done.returncode:
            raise RuntimeError(f"{' '.join(words)}: status {done.returncode}: {done.stderr.strip()}")
        return done.stdout

    def expect(self, what, good):
        print(f"{'ok  ' if good else 'FAIL'} {what}")
        self.failures += not good


def launches(run, model):
    plan = json.loads(run.call("plan", os.path.join(DATA, model), "--json"))
    return [s for g in plan["graphs"] for s in g["steps"] if s["kind"] == "launch"]


def ancestors(steps):
    """step number -> all steps it waits for."""
    before = {}
    for s in steps:
        before[s["step"]] = set(s["after"]).union(*(before.get(d, set()) for d in s["after"]))
    return before


def nodes(step):
    return {n["node"] for n in step["nodes"]}


def heads(run):
    steps = launches(run, "simple_net.pt2")
    before = ancestors(steps)
    first = next(s for s in steps if "linear" in nodes(s))
    second = next(s for s in steps if "linear_1" in nodes(s))
    free = first["step"] not in before[second["step"]] and second["step"] not in before[first["step"]]
    run.expect("the two heads of simple_net are one launch or independent", first is second or free)


def dialects(run, work):
    folder = unpack(os.path.join(DATA, "dialects.tar.xz"), os.path.abspath(os.path.join(work, "dialects")))
    for net in NETWORKS:
        plain, *others = (len(launches(run, os.path.join(folder, net + end))) for end in (".pt2", ".prims.pt2",
                                                                                         ".edge.pt2"))
        run.expect(f"{net} has {plain} launches, {others[0]} in primitives, {others[1]} in the edge dialect",
                   plain > 0 and others == [plain, plain])


def tower(step):
    """'a' or 'b' by the module path of the step's nodes; '' for what joins them."""
    paths = {n.get("module", "").split(".")[0] for n in step["nodes"]}
    return paths.pop() if len(paths) == 1 else ""


def towers(run):
    steps = launches(run, "two_towers.pt2")
    before, side = ancestors(steps), {s["step"]: tower(s) for s in steps}
    crossing = [(a, b) for b in before for a in before[b] if {side[a], side[b]} == {"a", "b"}]
    run.expect("no launch of one tower waits for the other", not crossing and {"a", "b"} <= set(side.values()))


def overlaps(events):
    slices = [e for e in events if e["ph"] == "X"]
    for i, a in enumerate(slices):
        for b in slices[i + 1:]:
            sides = {a["args"].get("module", "").split(".")[0], b["args"].get("module", "").split(".")[0]}
            if sides == {"a", "b"} and a["ts"] < b["ts"] + b["dur"] and b["ts"] < a["ts"] + a["dur"]:
                return True
    return False


def side_by_side(run):
    if run.name not in ("pocl", "intel") or (os.cpu_count() or 1) < 2:
        return
    model = os.path.join(DATA, "two_towers.pt2")
    seen = any(overlaps(json.loads(run.call("trace", model))["traceEvents"]) for _ in range(ATTEMPTS))
    run.expect("a trace shows both towers at work at the same time", seen)


def apart(slices):
    """No two slices of one track overlap, to a nanosecond."""
    tracks = {}
    for e in slices:
        tracks.setdefault((e["pid"], e["tid"]), []).append((e["ts"], e["ts"] + e["dur"]))
    ends = [(a[1], b[0]) for t in tracks.values() for a, b in zip(sorted(t), sorted(t)[1:])]
    return all(end <= begin + 5e-4 for end, begin in ends)


def traces(run):
    for model in ("simple_net.pt2", "two_towers.pt2"):
        events = json.loads(run.call("trace", os.path.join(DATA, model)))["traceEvents"]
        slices = [e for e in events if e["ph"] == "X"]
        names = {(e["pid"], e.get("tid")) for e in events if e["ph"] == "M" and e["args"]["name"]}
        run.expect(f"{model}: every event is a slice or a name, processes and tracks are named",
                   {e["ph"] for e in events} == {"X", "M"} and all(
                       key in names for e in slices for key in ((e["pid"], None), (e["pid"], e["tid"]))))
        valid = all(e["pid"] > 0 and e["tid"] > 0 and e["ts"] >= 0 and e["dur"] >= 0 for e in slices)
        run.expect(f"{model}: slices of one track do not overlap", valid and apart(slices))
        plan = sorted((s["kernel"], s["bytes_read"], s["bytes_written"], s["operations"])
                      for s in launches(run, model))
        seen = sorted((e["name"], *(e["args"][k] for k in ("bytes_read", "bytes_written", "operations")))
                      for e in slices)
        run.expect(f"{model}: the slices are the launches of the plan", plan == seen)
        run.expect(f"{model}: slices name node, operator, module and line",
                   all(e["args"]["node"] and e["args"]["operator"] and e["args"]["python"] and "module" in e["args"]
                       for e in slices))


def spread(run):
    """Every second kernel on the next device: all that this machine has."""
    have = [d for d in devices.known() if not d.missing and d.name in ("lavapipe", "pocl")]
    env = dict(os.environ)
    for d in have:
        env.update(d.environment())
    backends = ",".join([d.backend for d in have] + ["reference"])
    for name in ("simple_net", "two_towers", "folded"):
        model, stored = (os.path.join(DATA, name + end) for end in (".pt2", ".npz"))
        text = run.call("run", model, "--against", stored, f"--backend={backends}", "--place=alternate", env=env)
        run.expect(f"{name} spread over {backends}", "agrees with" in text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("pt2gpu")
    parser.add_argument("--device", default="reference")
    parser.add_argument("--jobs")
    parser.add_argument("--work")
    args = parser.parse_args()
    run = Run(args)
    if run.device and run.device.missing:
        print(f"skipped: {run.device.missing}")
        return devices.SKIP
    heads(run)
    towers(run)
    dialects(run, args.work or os.path.join(os.path.dirname(os.path.abspath(args.pt2gpu)), "test-data"))
    traces(run)
    side_by_side(run)
    if run.name == "reference":
        spread(run)
    return 1 if run.failures else 0


if __name__ == "__main__":
    sys.exit(main())
