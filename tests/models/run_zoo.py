#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs exported models on devices and prints a table: the largest error as a share of the largest output.

    run_zoo.py PT2GPU [--archive NAME | --folder FOLDER] [--device reference,lavapipe,...] [--only REGEX] [--check]
               [--without NAMES]

The models are those of tests/data/NAME.tar.xz (zoo; quantised; corners: arguments at the edge of what operators take;
deep: chains and expressions that were too much for a driver; recent: what torch 2.14 and 2.15 brought, training graphs,
complex factorisations; dialects: primitives, ExecuTorch's edge dialect, and networks in both beside their plain export;
extremes: integers of 64 bits, positions that are no numbers, long size expressions, sparse tensors; gradients: those
that sample, look up, compare or resample, alone and in training graphs), or of FOLDER:
MODEL.pt2 with MODEL.npz, which holds the inputs in_0, ... and the results that PyTorch gave, out_0, ...
Fails when a model does not run, or differs by more than 1e-4 (integers: at all). --check also compares every kernel
with the reference backend. The device "spread" is lavapipe, PoCL and the reference backend together, with every kernel
on the next one. --without leaves optimisations out, as the command does; "each": one after the other.
"""
import argparse
import concurrent.futures
import glob
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
    import compare
except ImportError:
    print("skipped: this Python has no numpy (package python3-numpy)")
    sys.exit(devices.SKIP)

SHARE = 1e-4


def error(got, want):
    """The largest difference as a share of the largest stored magnitude; infinite where something else differs."""
    if got.shape != want.shape or got.dtype != want.dtype:
        return float("inf")
    if want.dtype.kind not in "fc":
        return 0.0 if np.array_equal(got, want) else float("inf")
    g, w = compare.widened(got), compare.widened(want)
    differ = ~compare.within(g, w, 0, 0)
    if not differ.any():
        return 0.0
    with np.errstate(all="ignore"):
        worst = np.abs(g - w)[differ].max() / np.abs(w[np.isfinite(w)]).max(initial=0)
    return float(worst) if np.isfinite(worst) else float("inf")


def run(pt2gpu, model, device, timeout, check, without):
    """(largest error, '') or (None, what went wrong)"""
    golden, where = model[:-4] + ".npz", ["--backend=" + device.backend, *device.options]
    where += ["--without=" + without] if without else []
    with tempfile.TemporaryDirectory() as folder:
        out = os.path.join(folder, "out.npz")
        process = devices.run(device, [pt2gpu, "run", model, *where, "--input", golden, "--output", out], timeout)
        if process.returncode:
            return None, f"status {process.returncode}: " + (process.stderr.strip().splitlines() or [""])[-1]
        with np.load(out) as got, np.load(golden) as want:
            names = [k for k in want.files if k.startswith("out_")]
            missing = [k for k in names if k not in got.files]
            if missing:
                return None, f"no {missing}"
            worst = max([error(got[k], want[k]) for k in names], default=0.0)
    if check:
        process = devices.run(device, [pt2gpu, "check", model, *where, "--input", golden], timeout)
        if process.returncode:
            return None, f"check: status {process.returncode}: " + " ".join((process.stdout + process.stderr).split())
    return worst, "" if worst <= SHARE else "differs"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pt2gpu")
    parser.add_argument("--archive", default="zoo")
    parser.add_argument("--folder")
    parser.add_argument("--device", default="reference,lavapipe,swiftshader,pocl,intel,spread")
    parser.add_argument("--only", default="", help="regular expression")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--timeout", type=float, default=600, help="seconds for one model")
    parser.add_argument("--without", metavar="NAMES")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--work", help="folder for the unpacked models (default: beside the command)")
    return parser.parse_args()


def optimisations(pt2gpu):
    """Their names, from the message that refuses another one."""
    model = os.path.join(TESTS, "data", "simple_net.pt2")
    process = subprocess.run([pt2gpu, "run", model, "--without=?"], capture_output=True, text=True)
    return process.stderr.split("there are: ")[1].split()


def run_all(a, pt2gpu, models, found, without):
    """Prints a table; returns what went wrong."""
    failed, label = [], f"without {without}" if without else "model"
    print(f"{label:<24}" + "".join(f"{d.name:>13}" for d in found), flush=True)
    with concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        rows = [(os.path.basename(m)[:-4], [pool.submit(run, pt2gpu, m, d, a.timeout, a.check, without) for d in found])
                for m in models]
        for name, cells in rows:
            print(f"{name:<24}", end="", flush=True)
            for device, cell in zip(found, cells):
                worst, wrong = cell.result()
                print(f"{'-' if worst is None else f'{worst:.1e}':>13}", end="", flush=True)
                if wrong:
                    failed.append(f"{name} on {device.name}: {wrong}" + (f" ({label})" if without else ""))
            print(flush=True)
    return failed


def main():
    a = arguments()
    pt2gpu, names = os.path.abspath(a.pt2gpu), a.device.split(",")
    work = a.work or os.path.join(os.path.dirname(pt2gpu), "test-data")
    if len(names) == 1:
        found = [devices.need(names[0], pt2gpu)]
    else:
        found = [devices.find(name, pt2gpu) for name in names]
        found = [d for d in found if not d.missing or print(f"without {d.name}: {d.missing}")]
    folder = a.folder or unpack(os.path.join(TESTS, "data", a.archive + ".tar.xz"), os.path.join(work, a.archive))
    models = [m for m in sorted(glob.glob(os.path.join(folder, "*.pt2"))) if re.search(a.only, os.path.basename(m))]
    failed = []
    for without in optimisations(pt2gpu) if a.without == "each" else [a.without]:
        failed += run_all(a, pt2gpu, models, found, without)
    print("\n".join(failed))
    sys.exit(1 if failed or not models else 0)


if __name__ == "__main__":
    main()
