#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Indices that data decide: in range, results are PyTorch's; out of range, the run fails as PyTorch does.

    run_indices.py PT2GPU --device lavapipe [--only REGEX]

tests/data/indices.tar.xz holds MODEL.pt2 with MODEL.npz (inputs with good indices, and PyTorch's results), and
bad.json: for inputs that PyTorch refuses, which element of which input becomes what, and the operator, index and size
that the message must name. Such a run ends with status 1 and one line, and leaves no output behind. In the plan of
`proved` nothing is checked.
"""
import argparse
import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
import devices
from unpack import unpack

try:
    import numpy as np
except ImportError:
    print("skipped: this Python has no numpy (package python3-numpy)")
    sys.exit(devices.SKIP)

BAD_DATA = 1


class Suite:
    def __init__(self, pt2gpu, device, folder):
        self.pt2gpu, self.device, self.folder = pt2gpu, device, folder

    def call(self, model, *args):
        words = [self.pt2gpu, "run", os.path.join(self.folder, model + ".pt2"), *args,
                 "--backend=" + self.device.backend, *self.device.options]
        return devices.run(self.device, words, 600)

    def good(self, model):
        golden = os.path.join(self.folder, model + ".npz")
        process = self.call(model, "--input", golden, "--against", golden)
        return "" if process.returncode == 0 else f"status {process.returncode}: {process.stderr}{process.stdout}"

    def proved(self, model):
        """No kernel looks for what ranges exclude."""
        words = [self.pt2gpu, "plan", os.path.join(self.folder, model + ".pt2"), "--json", "--backend=reference"]
        plan = json.loads(subprocess.run(words, capture_output=True, text=True, check=True).stdout)
        return "" if plan["indices_checked"] == [] and not plan["indices_trusted"] else str(plan["indices_checked"])

    def bad(self, case):
        with np.load(os.path.join(self.folder, case["model"] + ".npz")) as golden, \
                tempfile.TemporaryDirectory() as folder:
            inputs = {k: golden[k].copy() for k in golden.files if k.startswith("in_")}
            inputs[f"in_{case['input']}"].reshape(-1)[case["at"]] = case["value"]
            given, out = os.path.join(folder, "in.npz"), os.path.join(folder, "out.npz")
            np.savez(given, **inputs)
            process = self.call(case["model"], "--input", given, "--output", out)
            left = os.listdir(folder)
        said = process.stderr.strip()
        words = [case["model"] + ".pt2: node ", f"(aten.{case['operator']}",
                 f"index {case['index']} is out of range for size {case['size']}"]
        missing = [w for w in words if w not in said]
        if process.returncode != BAD_DATA or missing or left != ["in.npz"] or len(said.splitlines()) != 1:
            return f"status {process.returncode}, without {missing}, files {left}: {said}"
        return ""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pt2gpu")
    parser.add_argument("--device", default="reference")
    parser.add_argument("--only", default="", help="regular expression")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--work", help="folder for the unpacked models (default: beside the command)")
    a = parser.parse_args()
    pt2gpu = os.path.abspath(a.pt2gpu)
    device = devices.need(a.device, pt2gpu)
    work = a.work or os.path.join(os.path.dirname(pt2gpu), "test-data")
    folder = unpack(os.path.join(TESTS, "data", "indices.tar.xz"), os.path.join(work, "indices"))
    suite, failed = Suite(pt2gpu, device, folder), []
    models = [f[:-4] for f in sorted(os.listdir(folder)) if f.endswith(".pt2") and re.search(a.only, f)]
    with open(os.path.join(folder, "bad.json")) as f:
        cases = [c for c in json.load(f) if c["model"] in models]
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        runs = [(m, pool.submit(suite.good, m)) for m in models]
        runs += [(m, pool.submit(suite.proved, m)) for m in models if m == "proved"]
        runs += [(f"{c['model']} with {c['value']}", pool.submit(suite.bad, c)) for c in cases]
        for name, run in runs:
            wrong = run.result()
            if wrong:
                failed.append(f"{name}: {wrong}")
    print("\n".join(failed))
    print(f"{len(runs) - len(failed)} of {len(runs)} runs are right")
    sys.exit(1 if failed or not runs else 0)


if __name__ == "__main__":
    main()
