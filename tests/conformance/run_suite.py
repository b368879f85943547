#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the operator suite on one device: PyTorch's own operator samples, exported, with the results of eager PyTorch.

    run_suite.py PT2GPU --device lavapipe [--pick all|pairs|ops|N] [--tier aten,core] [--id REGEX] [--json OUT]

A case is right when its outputs have the stored dtypes and shapes, integers and bools are equal, and floats lie within
the rtol and atol that the manifest gives for the output, of the stored result or of the float64 result where there is
one. An operator that the command refuses with exit status 3 counts as unsupported, everything else as failed, and a
process that dies as crashed. Failures fail the test; known.json lists those that are known, with reasons, and
floor.json the number of cases that passed before: a full run may not fall below it.

Which cases run (--pick): all; pairs: one of each operator and dtype; ops: one of each operator; N: every N-th. The
choice among several depends on the commit, so that in time all of them run.
"""
import argparse
import collections
import concurrent.futures
import glob
import hashlib
import json
import os
import random
import re
import selectors
import subprocess
import sys
import tempfile
import threading
import time

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
import devices
from unpack import unpack

try:
    import numpy as np
    import compare
except ImportError:
    print("skipped: this Python has no numpy (package python3-numpy)")
    sys.exit(devices.SKIP)

HERE = os.path.dirname(os.path.abspath(__file__))
SUITE = os.path.join(TESTS, "data", "opsuite")
FLOATS = ("float16", "bfloat16", "float32", "float64", "complex64", "complex128")
STATES = ("passed", "failed", "unsupported", "crashed", "known")
PYTHON_KINDS = {"int64": "iu", "float64": "f", "bool": "b"}
UNSUPPORTED = "3" # the exit status


# ---- the cases ----

class Case:
    def __init__(self, root, entry):
        self.id, self.tier, self.outputs, self.args = entry["id"], entry["tier"], entry["outputs"], entry["args"]
        self.op, self.dtype = self.id.split("/")[1:3]
        self.where = "" # launches of each device, as the command says
        self.pt2, self.npz = (os.path.join(root, self.id + ext) for ext in (".pt2", ".npz"))


def load(work, tiers):
    cases = []
    for tarball in sorted(glob.glob(os.path.join(SUITE, "*.tar.xz"))):
        tier = os.path.basename(tarball)[: -len(".tar.xz")]
        if tiers and tier not in tiers:
            continue
        root = unpack(tarball, os.path.join(work, "opsuite", tier))
        with open(os.path.join(root, "manifest.jsonl")) as lines:
            cases += [Case(root, json.loads(line)) for line in lines]
    return cases


def seed():
    git = subprocess.run(["git", "-C", TESTS, "rev-parse", "HEAD"], capture_output=True, text=True)
    return git.stdout.strip() or "no commit"


def pick(cases, how, salt):
    if how == "all":
        return cases
    rank = {c.id: hashlib.sha256((salt + c.id).encode()).digest() for c in cases}
    if how.isdigit():
        return [c for c in cases if int.from_bytes(rank[c.id][:4], "big") % int(how) == 0]
    groups = collections.defaultdict(list)
    for c in cases:
        groups[(c.op, c.dtype) if how == "pairs" else c.op].append(c)
    return [min(group, key=lambda c: rank[c.id]) for group in groups.values()]


# ---- running them ----

class Batches:
    """Runs cases through `pt2gpu run --list`. When a process dies or hangs, the first case without an answer has
    crashed, and another process goes on after it."""

    def __init__(self, pt2gpu, device, timeout, work, without):
        self.pt2gpu, self.device, self.timeout, self.work = pt2gpu, device, timeout, work
        self.extra = ["--without=" + without] if without else []

    def run(self, cases, done):
        """Calls done(case, outputs or None, state, reason) for each case."""
        with tempfile.TemporaryDirectory(dir=self.work) as folder:
            rest = list(cases)
            while rest:
                answered, why = self.process(rest, folder, done)
                rest = rest[answered:]
                if rest:
                    done(rest[0], None, "crashed", why)
                    rest = rest[1:]

    def process(self, cases, folder, done):
        listing, out = os.path.join(folder, "list"), os.path.join(folder, "out.npz")
        with open(listing, "w") as f:
            f.writelines(f"{c.pt2}\t{out}{n}\n" for n, c in enumerate(cases))
        command = self.device.command(self.pt2gpu, "run", "--list=" + listing, "--backend=" + self.device.backend,
                                      *self.extra)
        with tempfile.TemporaryFile() as errors:
            child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, env=self.device.environment())
            answered, hung = 0, False
            for line in self.lines(child):
                if line is None:
                    hung = True
                    child.kill()
                    break
                if answered < len(cases):
                    self.answer(cases[answered], line, out + str(answered), done)
                    answered += 1
            status = child.wait()
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()
        why = f"no answer for {self.timeout} s" if hung else f"status {status}: {self.telling(said)}"
        return answered, why

    def lines(self, child):
        """The lines of a child's output; None when nothing came for too long."""
        pending = b""
        with selectors.DefaultSelector() as selector:
            selector.register(child.stdout, selectors.EVENT_READ)
            while True:
                if not selector.select(self.timeout):
                    yield None
                    return
                data = os.read(child.stdout.fileno(), 65536)
                if not data:
                    return
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    yield line.decode(errors="replace")

    @staticmethod
    def telling(said):
        sanitizer = [line for line in said if "Sanitizer" in line or "runtime error" in line]
        return (sanitizer or said[-1:] or [""])[0][:300]

    @staticmethod
    def answer(case, line, out, done):
        fields = line.split("\t")
        if fields[0] == "ok":
            outputs = None
            try:
                with np.load(out) as z:
                    outputs = {k: z[k] for k in z.files}
                os.remove(out)
            except (OSError, ValueError, KeyError) as e:
                done(case, None, "failed", f"the output cannot be read: {e}")
                return
            case.where = "".join(fields[2:])
            done(case, outputs, "", "")
        elif len(fields) >= 4:
            state = "unsupported" if fields[1] == UNSUPPORTED else "failed"
            done(case, None, state, " ".join(fields[3:]))
        else:
            done(case, None, "failed", f"the command printed {line[:200]!r}")


# ---- comparing ----

def check_scalar(name, got, spec, want):
    if got.size != 1 or got.dtype.kind not in PYTHON_KINDS[spec["dtype"]]:
        return f"{name}: {got.dtype}{list(got.shape)}, not a number of {spec['dtype']}"
    got, want = got.reshape(()), want.reshape(())
    if spec["dtype"] != "float64":
        return compare.equal(name, got, want)
    ok = compare.within(compare.widened(got), compare.widened(want), 1e-7, 1e-7)
    return "" if ok else f"{name}: {got}, not {want}"


def stored_dtype(spec):
    return "float32" if spec["dtype"] == "bfloat16" else spec["dtype"] # the command widens


def check_tensor(name, got, spec, want, exact):
    if got.dtype != np.dtype(stored_dtype(spec)):
        return f"{name}: dtype {got.dtype}, not {spec['dtype']}"
    if list(got.shape) != list(spec["shape"]):
        return f"{name}: shape {list(got.shape)}, not {spec['shape']}"
    if spec.get("compare") == "meta" or not got.size:
        return ""
    if spec["dtype"] not in FLOATS:
        return compare.equal(name, got, want)
    g, w = compare.widened(got), compare.widened(want, spec["dtype"])
    ok = compare.within(g, w, spec["rtol"], spec["atol"])
    if exact is not None:
        ok |= compare.within(g, exact.astype(w.dtype), spec["rtol"], spec["atol"])
    return "" if ok.all() else compare.first_wrong(name, np.asarray(ok), g, w)


def check(case, outputs):
    with np.load(case.npz) as stored:
        for i, spec in enumerate(case.outputs):
            name = f"out_{i}"
            if spec["kind"] == "none":
                continue
            if name not in outputs:
                return f"{name} is missing"
            exact = stored[f"exact_{i}"] if f"exact_{i}" in stored.files else None
            wrong = (check_scalar(name, outputs[name], spec, stored[name]) if spec["kind"] == "scalar"
                     else check_tensor(name, outputs[name], spec, stored[name], exact))
            if wrong:
                return wrong
    extra = set(outputs) - {f"out_{i}" for i in range(len(case.outputs))}
    return f"unexpected {sorted(extra)}" if extra else ""


# ---- reporting ----

class Results:
    def __init__(self, device, verbose):
        every = json.load(open(os.path.join(HERE, "known.json")))
        self.known = {re.compile(p): why for p, why in {**every["all"], **every.get(device, {})}.items()}
        self.device, self.verbose, self.lock = device, verbose, threading.Lock()
        self.states, self.stale = {}, []

    def done(self, case, outputs, state, reason):
        if not state:
            reason = check(case, outputs)
            state = "failed" if reason else "passed"
        why = next((why for p, why in self.known.items() if p.fullmatch(case.id)), None)
        with self.lock:
            if why and state == "passed":
                self.stale.append(f"{case.id} passes, but known.json says: {why}")
            elif why and state != "unsupported":
                state, reason = "known", f"{why}: {reason}"
            self.states[case] = (state, reason)
            if state in ("failed", "crashed") or (self.verbose and state != "passed"):
                print(f"{state:<11} {case.id}  {reason}   [{case.args}]", flush=True)

    def count(self, key):
        rows = collections.defaultdict(collections.Counter)
        for case, (state, _) in self.states.items():
            rows[key(case)][state] += 1
        return rows

    def table(self, title, rows):
        print(f"\n{title:<16} {'cases':>6} " + " ".join(f"{s:>11}" for s in STATES))
        for name, row in sorted(rows.items()):
            print(f"{name:<16} {sum(row.values()):6d} " + " ".join(f"{row[s]:11d}" for s in STATES))

    def reasons(self, most):
        """Why cases are unsupported; numbers and names of one case are left out."""
        seen = collections.Counter()
        for state, reason in self.states.values():
            if state == "unsupported":
                reason = re.sub(r"^\S*\.pt2: ", "", reason)
                seen[re.sub(r"\d+", "N", re.sub(r"node \S+", "node", reason))[:110]] += 1
        if seen:
            print("\nunsupported")
        for reason, n in seen.most_common(most):
            print(f"{n:6d}  {reason}")

    def print(self):
        self.reasons(15)
        self.table("dtype", self.count(lambda c: c.dtype))
        tiers = self.count(lambda c: c.tier)
        self.table("tier", tiers)
        self.table("total", {self.device: sum(tiers.values(), collections.Counter())})

    def below_floor(self, full):
        """Tiers of a full run with fewer passes than floor.json asks for; of a partial run, too small a share."""
        floor = json.load(open(os.path.join(HERE, "floor.json"))).get(self.device, {})
        tiers = self.count(lambda c: c.tier)
        if full:
            return [f"{tier}: {tiers[tier]['passed']} cases pass, the floor is {least}"
                    for tier, least in floor.get("full", {}).items() if tiers[tier]["passed"] < least]
        total = sum(tiers.values(), collections.Counter())
        share, least = total["passed"] / max(1, sum(total.values())), floor.get("share", 0)
        return [f"{share:.1%} of the cases pass, the floor is {least:.1%}"] if share < least else []

    def raise_floor(self):
        path = os.path.join(HERE, "floor.json")
        floor = json.load(open(path))
        mine = floor.setdefault(self.device, {}).setdefault("full", {})
        for tier, row in sorted(self.count(lambda c: c.tier).items()):
            mine[tier] = max(mine.get(tier, 0), row["passed"])
        with open(path, "w") as f:
            json.dump(floor, f, indent=4, sort_keys=True)
            f.write("\n")

    def write(self, path):
        with open(path, "w") as f:
            json.dump({"device": self.device,
                       "tiers": {tier: dict(row) for tier, row in sorted(self.count(lambda c: c.tier).items())},
                       "cases": {c.id: {"state": s, "reason": r, "where": c.where} for c, (s, r) in
                                 sorted(self.states.items(), key=lambda item: item[0].id)}}, f, indent=1)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pt2gpu")
    parser.add_argument("--device", default="reference")
    parser.add_argument("--pick", help="default: PT2_PICK, or all on the reference backend and pairs elsewhere")
    parser.add_argument("--seed", help="instead of the commit")
    parser.add_argument("--tier", help="comma-separated")
    parser.add_argument("--id", help="regular expression, the whole case id")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--chunk", type=int, default=100, help="cases for one process")
    parser.add_argument("--timeout", type=float, default=300, help="seconds for one case")
    parser.add_argument("--minutes", type=float, help="begin no process later than this; cases run in random order")
    parser.add_argument("--without", help="optimisations to leave out, as the command takes them")
    parser.add_argument("--json", help="write all results here")
    parser.add_argument("--raise-floor", action="store_true", help="after a full run: floor.json asks for what passed")
    parser.add_argument("--work", help="folder for unpacked cases (default: beside the command)")
    parser.add_argument("-v", "--verbose", action="store_true", help="print unsupported and known cases too")
    return parser.parse_args()


def main():
    a = arguments()
    device = devices.need(a.device, a.pt2gpu)
    work = a.work or os.path.join(os.path.dirname(os.path.abspath(a.pt2gpu)), "test-data")
    cases = load(work, a.tier and a.tier.split(","))
    cases = [c for c in cases if not a.id or re.fullmatch(a.id, c.id)]
    how = a.pick or os.environ.get("PT2_PICK") or ("all" if a.device == "reference" or a.id else "pairs")
    full = how == "all" and not a.id and not a.tier
    cases = pick(cases, how, a.seed or seed())
    if not cases:
        sys.exit("no case selected")
    if a.minutes:
        random.Random(a.seed or seed()).shuffle(cases)
    results, begin = Results(a.device, a.verbose), time.time()
    batches = Batches(os.path.abspath(a.pt2gpu), device, a.timeout, work, a.without)
    chunks = [cases[i:i + a.chunk] for i in range(0, len(cases), a.chunk)]
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        list(pool.map(lambda chunk: batches.run(chunk, results.done)
                      if not a.minutes or time.time() - begin < 60 * a.minutes else None, chunks))
    results.print()
    print(f"{len(results.states)} cases in {time.time() - begin:.0f} s, seed {a.seed or seed()}")
    if a.json:
        results.write(a.json)
    if a.raise_floor and full:
        results.raise_floor()
    bad = results.below_floor(full) + results.stale
    print("\n".join(bad), end="\n" if bad else "")
    failed = sum(state in ("failed", "crashed") for state, _ in results.states.values())
    sys.exit(1 if failed or bad else 0)


if __name__ == "__main__":
    main()
