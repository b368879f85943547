#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Control flow: random nested programs against NumPy, and archives that contradict themselves.

    run_control.py PT2GPU [--device NAME] [--count N] [--first SEED]

Random programs (control_flow.py) must give exactly NumPy's numbers. What sub-graphs take and give in the contradicting
archives is not what is declared: they must be refused with status 1 and the node's name, and leave no result. Under
sanitizers this shows that no memory outside of buffers is touched.
"""
import argparse
import concurrent.futures
import os
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import devices

try:
    import numpy as np
    import control_flow as cf
except ImportError:
    print("skipped: this Python has no numpy (package python3-numpy)")
    sys.exit(devices.SKIP)

LARGE = 100000


# ---- archives that contradict themselves: graph and inputs ----

def start(sizes=(6,)):
    g = cf.Graph("main", [cf.Value("x", sizes), cf.Value("p", [], cf.BOOL)])
    return g, [np.arange(6, dtype=np.float32), np.array(False)]


def branch(name, make):
    g = cf.Graph(name, [cf.Value("v0", [6])])
    g.outputs = [make(g)]
    return g


def two_branches(declared, yes, no, use=None, ranges=None):
    """cond whose result is `declared`; the input p takes the second branch."""
    g, inputs = start()
    g.ranges = ranges or {}
    y = g.value(*declared)
    cf.cond(g, g.inputs[1], branch("yes", yes), branch("no", no), [g.inputs[0]], [y])
    g.outputs = [use(g, y) if use else y]
    return g, inputs


def sized(n, dtype=cf.FLOAT):
    return lambda g: cf.full(g, [n], 1, dtype)


def write_to(g, y):
    return g.add("aten.index_fill.int_Scalar", [("self", y), ("dim", 0), ("index", cf.full(g, [1], LARGE - 1, cf.INT)),
                                                ("value", 7.0)], [g.value(y.sizes)], None)


def loop_of(new_value):
    g, inputs = start()
    carried = [cf.full(g, [], 0, cf.INT), g.inputs[0]]
    inner = [cf.Value("v0", [], cf.INT), cf.Value("v1", [6])]
    test, body = cf.Graph("test", inner), cf.Graph("body", list(inner))
    test.outputs = [cf.less(test, test.inputs[0], cf.full(test, [], 3, cf.INT))]
    body.outputs = [cf.next_number(body, body.inputs[0]), new_value(body)]
    results = [g.value([], cf.INT), g.value(body.outputs[1].sizes, body.outputs[1].dtype)]
    cf.while_loop(g, test, body, carried, [], results)
    g.outputs = [results[1]]
    return g, inputs


def loop_on(test_result):
    g, inputs = start()
    test, body = cf.Graph("test", [cf.Value("v0", [6])]), cf.Graph("body", [cf.Value("v0", [6])])
    test.outputs = [test_result(test)]
    body.outputs = [cf.unary(body, "neg", None, body.inputs[0])]
    g.outputs = [g.value([6])]
    cf.while_loop(g, test, body, [g.inputs[0]], [], g.outputs)
    return g, inputs


def rows_of(row, rows=6):
    g, inputs = start()
    body = cf.Graph("row", [cf.Value("v0", [])])
    body.outputs = [row(body)]
    g.outputs = [g.value([rows, 4])]
    cf.map_rows(g, body, [g.inputs[0]], [], g.outputs)
    return g, inputs


def stacks_of_other_lengths():
    g, inputs = start()
    body = cf.Graph("row", [cf.Value("v0", []), cf.Value("v1", [])])
    body.outputs = [body.inputs[1]]
    g.outputs = [g.value([6])]
    cf.map_rows(g, body, [g.inputs[0], cf.full(g, [4], 1)], [], g.outputs)
    return g, inputs


def shared_symbol():
    """Two results of one declared size, which are 2 and 3."""
    g, inputs = start()
    g.ranges = {"u0": (0, 9)}
    results = [g.value(["u0"]), g.value(["u0"])]
    yes, no = branch("yes", sized(4)), branch("no", sized(2))
    yes.outputs.append(cf.full(yes, [4], 1))
    no.outputs.append(cf.full(no, [3], 1))
    cf.cond(g, g.inputs[1], yes, no, [g.inputs[0]], results)
    g.outputs = results
    return g, inputs


def other_operand():
    """The branches declare another operand than they are passed."""
    g, inputs = start()
    branches = [cf.Graph(name, [cf.Value("v0", [LARGE])]) for name in ("yes", "no")]
    for b in branches:
        b.outputs = [cf.unary(b, "neg", None, b.inputs[0])]
    g.outputs = [g.value([LARGE])]
    cf.cond(g, g.inputs[1], *branches, [g.inputs[0]], g.outputs)
    return g, inputs


SMALL = ((4,),)
SYMBOL = (("u0",),)
CONTRADICTIONS = {
    "cond_size": lambda: two_branches(((LARGE,),), sized(LARGE), sized(4)),
    "cond_size_used": lambda: two_branches(((LARGE,),), sized(LARGE), sized(4), cf.total),
    "cond_size_written": lambda: two_branches(((LARGE,),), sized(LARGE), sized(4), write_to),
    "cond_size_declared": lambda: two_branches(((LARGE,),), sized(4), sized(4)),
    "cond_dtype": lambda: two_branches(((LARGE,), cf.DOUBLE), sized(LARGE, cf.DOUBLE), sized(LARGE)),
    "cond_rank": lambda: two_branches(SMALL, sized(4), lambda g: cf.full(g, [2, 2], 1)),
    "cond_range": lambda: two_branches(SYMBOL, sized(2), sized(LARGE), ranges={"u0": (2, 5)}),
    "cond_shared_symbol": shared_symbol,
    "cond_operand": other_operand,
    "while_size": lambda: loop_of(sized(LARGE)),
    "while_smaller": lambda: loop_of(sized(4)),
    "while_dtype": lambda: loop_of(sized(6, cf.DOUBLE)),
    "while_rank": lambda: loop_of(lambda g: cf.full(g, [2, 3], 1)),
    "while_test_empty": lambda: loop_on(lambda g: cf.full(g, [0], True, cf.BOOL)),
    "while_test_many": lambda: loop_on(lambda g: cf.full(g, [3], True, cf.BOOL)),
    "map_row_size": lambda: rows_of(sized(LARGE)),
    "map_row_dtype": lambda: rows_of(sized(4, cf.DOUBLE)),
    "map_rows_few": lambda: rows_of(sized(4), 1),
    "map_rows_many": lambda: rows_of(sized(4), LARGE),
    "map_stacks": stacks_of_other_lengths,
    "map_row_rank": lambda: rows_of(lambda g: cf.full(g, [2, 2], 1)),
}


# ---- running ----

def save(folder, name, g, inputs):
    path = os.path.join(folder, name)
    cf.write(path + ".pt2", g)
    np.savez(path + ".npz", **{f"in_{k}": x for k, x in enumerate(inputs)})
    return path


def call(pt2gpu, device, path):
    args = [pt2gpu, "run", path + ".pt2", "--backend=" + device.backend, *device.options, "--input", path + ".npz",
            "--output", path + ".out.npz"]
    return devices.run(device, args, 120)


def check_random(pt2gpu, device, folder, seed):
    g, inputs, want = cf.random_program(seed)
    path = save(folder, f"random{seed}", g, inputs)
    process = call(pt2gpu, device, path)
    if process.returncode:
        return f"seed {seed}: status {process.returncode}: {process.stderr.strip()}"
    with np.load(path + ".out.npz") as got:
        for k, x in enumerate(want):
            if not np.array_equal(got[f"out_{k}"], x):
                return f"seed {seed}: out_{k} is {got[f'out_{k}']}, not {x}"
    return ""


def check_contradiction(pt2gpu, device, folder, name):
    g, inputs = CONTRADICTIONS[name]()
    path = save(folder, name, g, inputs)
    process = call(pt2gpu, device, path)
    if process.returncode != 1:
        return f"{name}: status {process.returncode}, not 1: {process.stderr.strip()}"
    if "higher_order" not in process.stderr or os.path.exists(path + ".out.npz"):
        return f"{name}: the message names no node, or there is a result: {process.stderr.strip()}"
    return ""


def check_random_turns(pt2gpu, device, folder):
    """Random operators in loops give other numbers in each turn."""
    g, inputs = start()
    body = cf.Graph("row", [cf.Value("v0", [])])
    body.outputs = [body.add("aten.rand_like.default", [("self", body.inputs[0])], [body.value([])], None)]
    g.outputs = [g.value([6])]
    cf.map_rows(g, body, [g.inputs[0]], [], g.outputs)
    path = save(folder, "random_turns", g, inputs)
    process = call(pt2gpu, device, path)
    if process.returncode:
        return f"random_turns: status {process.returncode}: {process.stderr.strip()}"
    with np.load(path + ".out.npz") as got:
        numbers = set(got["out_0"].tolist())
    return "" if len(numbers) == 6 else f"random_turns: {len(numbers)} numbers in 6 turns"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pt2gpu")
    parser.add_argument("--device", default="reference")
    parser.add_argument("--count", type=int, default=6, help="random programs")
    parser.add_argument("--first", type=int, default=0, help="the first one's seed")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--work", help="not used: the programs are made anew")
    a = parser.parse_args()
    pt2gpu = os.path.abspath(a.pt2gpu)
    device = devices.need(a.device, pt2gpu)
    with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(a.jobs) as pool:
        runs = [pool.submit(check_contradiction, pt2gpu, device, folder, name) for name in CONTRADICTIONS]
        runs.append(pool.submit(check_random_turns, pt2gpu, device, folder))
        runs += [pool.submit(check_random, pt2gpu, device, folder, a.first + k) for k in range(a.count)]
        wrong = [r.result() for r in runs if r.result()]
    print("\n".join(wrong) or f"{len(runs)} programs as they must be")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
