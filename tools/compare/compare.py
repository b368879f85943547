#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Measures pt2gpu beside whichever peers are installed, in one run, and writes docs/benchmarks.md.

    compare.py [PT2GPU] [--devices lavapipe,pocl] [--peers onnxruntime,ncnn] [--networks resnet18,bert] [--minutes 15]

For each network, the programs start one after the other, load, and run once. Then they take turns, a fraction of a
second each, several rounds long, the others being stopped: whatever else the machine does meets all of them alike.
Every run goes from arrays in host memory to arrays in host memory, and every result is compared with PyTorch's.

Results are kept in build/compare/results.json; what is there already is not measured again (--again: it is). Converted
networks are kept beside them. setup.sh installs the peers that run on Linux without a GPU.
"""
import argparse
import glob
import json
import os
import platform
import re
import select
import signal
import statistics
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests"))
import devices  # noqa: E402

WRONG = 1e-3  # of the largest output: more is another result
LEGEND = f"""
Made by `tools/compare/compare.py`; the networks are those of `tools/compare/models.py`, in float32. Times are medians
in milliseconds; a ratio is the other's time by ours, so that more than 1 means that pt2gpu is faster. *fails*: it does
not convert, load or run the network within the limits. *wrong*: its result differs from PyTorch's by more than {WRONG:g} of
the largest output. *partly*: it computes some layers on the processor instead of the device.
"""
# peer: (what it imports, the targets it has, the packages whose versions matter)
PEERS = {
    "ncnn": (("ncnn", "pnnx"), ("vulkan", "cpu"), ("ncnn",)),
    "iree": (("iree.runtime", "iree.turbine.aot"), ("vulkan", "cpu"), ("iree-base-compiler",)),
    "tinygrad": (("tinygrad", "onnx"), ("opencl",), ("tinygrad",)),
    "onnxruntime": (("onnxruntime",), ("cpu",), ("onnxruntime",)),
    "openvino": (("openvino",), ("cpu",), ("openvino",)),
    "torch": (("torch",), ("cpu",), ("torch",)),
    "torch-compile": (("torch", "torch._inductor"), ("cpu",), ("torch",)),
}
NOT_UNLESS_ASKED = ("torch-compile", "iree@cpu", "ncnn@cpu")  # minutes per network, or slower than the rest everywhere
NETWORKS = ("simple_net resnet18 mobilenet_v3_large convnext_tiny vit_tiny bert gpt2 unet multi_branch dynamic_mlp "
            "matmul1024 gemv4096 conv3x3_64 dw3x3_144 softmax1024 layernorm eltwise sum4m sdpa512").split()


# ---- programs that take turns ----

class Program:
    """Speaks the protocol of `pt2gpu bench --serve`."""

    def __init__(self, name, command, environment, log):
        self.name, self.command, self.environment, self.log = name, command, environment, log
        self.process, self.text, self.result = None, b"", {}

    def start(self, limit):
        with open(self.log, "a") as log:
            self.process = subprocess.Popen(self.command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log,
                                            env=self.environment, start_new_session=True)
        return self.read(limit)

    def read(self, limit):
        end = time.time() + limit
        while b"\n" not in self.text:
            ready = select.select([self.process.stdout], [], [], max(0, end - time.time()))[0]
            piece = os.read(self.process.stdout.fileno(), 1 << 16) if ready else b""
            if not piece:
                self.end()
                return {"error": "it ended" if ready else f"no answer within {limit:.0f} s"}
            self.text += piece
        line, self.text = self.text.split(b"\n", 1)
        try:
            return json.loads(line)
        except ValueError:
            return {"error": "no object: " + line.decode(errors="replace")[:100]}

    def run(self, count, limit):
        self.signal(signal.SIGCONT)
        try:
            self.process.stdin.write(f"{count}\n".encode())
            self.process.stdin.flush()
        except BrokenPipeError:
            return {"error": "it ended"}
        answer = self.read(limit)
        if "error" not in answer:
            self.signal(signal.SIGSTOP)
        return answer

    def signal(self, number):
        if self.process and self.process.poll() is None:
            os.killpg(self.process.pid, number)

    def end(self):
        self.signal(signal.SIGKILL)
        if self.process:
            self.process.wait()


def turns(programs, a):
    """Runs what started; returns the result of each by name."""
    live, results = [], {}
    for p in programs:
        p.result = p.start(a.limit)
        if "error" not in p.result:
            warm = p.run(1, a.limit)
            p.result.update({"samples": [], "cpu": [], "last": warm.get("ms", [1e9])[0]}, **{
                k: warm[k] for k in ("error",) if k in warm})
        results[p.name] = p.result
        if "error" not in p.result:
            live.append(p)
    for _ in range(a.rounds):
        for p in list(live):
            r = p.result
            if sum(r["samples"]) > a.soft * 1e3:
                continue
            got = p.run(max(1, min(50, int(a.slice * 1e3 / max(r["last"], 0.02)))), a.limit)
            if "error" in got:
                r["error"] = got["error"]
                live.remove(p)
                continue
            r["samples"] += got["ms"]
            r["cpu"] += got["cpu_ms"]
            r["last"], r["relative"] = statistics.median(got["ms"]), got.get("relative", r.get("relative"))
    for p in programs:
        p.end()
    return {name: summary(r) for name, r in results.items()}


def summary(r):
    if "error" in r:
        return {"error": r["error"]}
    kept = {k: r[k] for k in ("load_ms", "first_ms", "peak_rss_mb", "relative", "note") if k in r}
    return {**kept, "ms": statistics.median(r["samples"]), "least_ms": min(r["samples"]), "runs": len(r["samples"]),
            "cpu_ms": statistics.median(r["cpu"])}


# ---- who is there ----

def interpreters(a):
    found = a.python + sorted(glob.glob(os.path.join(ROOT, "build", "peers", "*", "bin", "python"))) + [sys.executable]
    return [p for p in found if os.path.exists(p)]


def has(python, modules):
    script = "import importlib.util as u, sys\nfor m in sys.argv[1:]: assert u.find_spec(m)"
    return subprocess.run([python, "-c", script, *modules], capture_output=True).returncode == 0


def version(python, package):
    script = "import importlib.metadata as m, sys; print(m.version(sys.argv[1]))"
    return subprocess.run([python, "-c", script, package], capture_output=True, text=True).stdout.strip()


def find_peers(a):
    """peer -> the interpreter that has it."""
    wanted = a.peers.split(",") if a.peers else [p for p in PEERS if p not in NOT_UNLESS_ASKED]
    found = {}
    for peer in wanted:
        name = peer.split("@")[0]
        python = next((p for p in interpreters(a) if has(p, PEERS[name][0])), None)
        if python:
            found[peer] = python
        else:
            print(f"{peer}: not installed")
    return found


def find_devices(a):
    if not a.devices:
        known = [d for d in devices.known() if d.name != "reference" and not d.loader]
        return [d for d in known + devices.gpus(a.pt2gpu) if not d.missing]
    found = [devices.find(name, a.pt2gpu) for name in a.devices.split(",")]
    for d in found:
        if d.missing:
            sys.exit(f"{d.name}: {d.missing}")
    return found


def environment(device, python=None):
    e = dict(device.environment() if device else os.environ, OMP_WAIT_POLICY="passive", PYTHONDONTWRITEBYTECODE="1")
    if python:
        e["PATH"] = os.path.dirname(python) + os.pathsep + e["PATH"]
    return e


def columns(a):
    """(column, peer or None, device or None, target, interpreter)"""
    chosen, peers = find_devices(a), find_peers(a)
    found = [(f"pt2gpu@{d.name}", None, d, d.backend.split(":")[0], None) for d in chosen]
    for peer, python in peers.items():
        name, only = (peer.split("@") + [None])[:2]
        for d in chosen:
            target = d.backend.split(":")[0]
            if target in PEERS[name][1] and only in (None, d.name):
                found.append((f"{name}@{d.name}", name, d, target, python))
        if "cpu" in PEERS[name][1] and only in (None, "cpu") and (only or f"{name}@cpu" not in NOT_UNLESS_ASKED):
            found.append((f"{name}@cpu", name, None, "cpu", python))
    return found


# ---- one network ----

def prepare(a, network, column):
    """Converts the network for a peer; what fails once is not tried again."""
    name, peer, device, target, python = column
    if not peer:
        return None
    mark = os.path.join(a.work, f"{network}.{peer}.{target}.json")
    if not os.path.exists(mark) or a.again:
        p = Program(name, [python, os.path.join(HERE, "worker.py"), peer, network, a.work, target, "--prepare"],
                    environment(device, python), a.log)
        answer = p.start(a.prepare_limit)
        p.end()
        with open(mark, "w") as f:
            json.dump(answer, f)
    with open(mark) as f:
        return json.load(f).get("error")


def program(a, network, column):
    name, peer, device, target, python = column
    path = os.path.join(a.work, network)
    if peer:
        command = [python, os.path.join(HERE, "worker.py"), peer, network, a.work, target]
    else:
        command = [a.pt2gpu, "bench", path + ".pt2", "--serve", "--runs=50", "--input", path + ".npz", "--against",
                   path + ".npz", "--backend=" + device.backend]
    return Program(name, command, environment(device, python), a.log)


def measure(a, network, todo):
    failed, ready = {}, []
    for column in todo:
        error = prepare(a, network, column)
        if error:
            failed[column[0]] = {"error": "conversion: " + error}
        else:
            ready.append(program(a, network, column))
    return {**failed, **turns(ready, a)}


def export(a, networks):
    missing = [n for n in networks if not os.path.exists(os.path.join(a.work, n + ".pt2"))]
    python = next((p for p in interpreters(a) if has(p, ["torch"])), None)
    if missing and not python:
        sys.exit("no torch to export the networks with: tools/compare/setup.sh torch")
    if missing:
        subprocess.run([python, os.path.join(HERE, "models.py"), a.work, *missing], check=True)
    return [n for n in networks if os.path.exists(os.path.join(a.work, n + ".pt2"))]


# ---- the table ----

def number(x):
    return f"{x:.0f}" if x >= 100 else f"{x:.3g}"


def right(cell):
    return "error" not in cell and cell.get("relative", 1) <= WRONG


def elsewhere(cell):
    return bool(cell.get("note"))


def cell_text(cell, key="ms"):
    if not cell:
        return ""
    if "error" in cell:
        return "fails"
    return number(cell[key]) + ("" if right(cell) else " (wrong)") + (" (partly)" if elsewhere(cell) else "")


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(r) + " |" for r in rows]) + "\n"


def best(cells, names):
    ok = [n for n in names if n in cells and right(cells[n]) and not elsewhere(cells[n])]
    return min(ok, key=lambda n: cells[n]["ms"]) if ok else None


def against(cells, ours, names):
    """The fastest right peer, and how many times its time ours is."""
    name = best(cells, names)
    if not name:
        return ["none" if any(n in cells for n in names) else "", ""]
    peer = f"{name.split('@')[0]} {number(cells[name]['ms'])}"
    return [peer, number(cells[name]["ms"] / ours["ms"]) if ours and right(ours) else ""]


def mean(rows, column):
    ratios = [float(r[column]) for r in rows if r[column]]
    return number(statistics.geometric_mean(ratios)) if ratios else ""


def device_table(results, device, names):
    same = [n for n in names if n.endswith("@" + device) and not n.startswith("pt2gpu@")]
    cpu = [n for n in names if n.endswith("@cpu")]
    rows = []
    for network in sorted(results, key=NETWORKS.index):
        cells = results[network]
        ours = cells.get(f"pt2gpu@{device}")
        if ours:
            rows.append([network, cell_text(ours), *against(cells, ours, same), *against(cells, ours, cpu)])
    rows.append(["geometric mean", "", "", mean(rows, 3), "", mean(rows, 5)])
    return table(["network", "pt2gpu, ms", f"best other on {device}, ms", "ratio", "best on the processor, ms", "ratio"],
                 rows)


def processor():
    with open("/proc/cpuinfo") as f:
        model = re.search(r"model name\s*: (.*)", f.read())
    return f"{model[1] if model else platform.machine()}, {os.cpu_count()} threads, {platform.system()}"


def this_commit():
    git = subprocess.run(["git", "-C", ROOT, "rev-parse", "--short=10", "HEAD"], capture_output=True, text=True)
    return git.stdout.strip() or "(no git)"


def commits(results):
    """What was measured at which commit: a line for each."""
    of = {}
    for network in sorted(results, key=NETWORKS.index):
        of.setdefault(results[network].get("commit", this_commit()), []).append(network)
    return [f"- pt2gpu {c}" + (": " + ", ".join(names) if len(of) > 1 else "") for c, names in of.items()]


def machine(a, results):
    lines = [f"- {processor()}"]
    for d in find_devices(a):
        text = subprocess.run([a.pt2gpu, "devices", "--json"], capture_output=True, text=True,
                              env=environment(d)).stdout
        backend, _, index = d.backend.partition(":")
        info = next((i for i in json.loads(text) if i["backend"] == backend and str(i["number"]) == (index or "0")), {})
        lines.append(f"- {d.name}: {info.get('name', '?')}, {info.get('driver', '?')}")
    lines += commits(results)
    for peer, python in find_peers(a).items():
        lines.append("- " + ", ".join(f"{p} {version(python, p)}" for p in PEERS[peer.split('@')[0]][2]))
    return "\n".join(dict.fromkeys(lines))


def section_of(path, mark):
    """The section of a page that begins with this line, '' when there is none."""
    text = open(path).read() if os.path.exists(path) else ""
    begin = text.find(mark)
    end = text.find("\n## ", begin + len(mark))
    return "" if begin < 0 else text[begin:] if end < 0 else text[begin:end + 1]


def replace_section(path, mark, section):
    text, old = open(path).read(), section_of(path, mark)
    with open(path, "w") as f:
        f.write(text.replace(old, section) if old else text.rstrip("\n") + "\n\n" + section)


def write(a, results, header):
    names = sorted({n for cells in results.values() for n in cells}, key=lambda n: (not n.startswith("pt2gpu"), n))
    order = sorted(results, key=NETWORKS.index)
    text = ["# Benchmarks\n", __doc__.split("\n\n")[2].strip() + "\n", LEGEND.strip() + "\n",
            "## Machine and versions\n", header]
    for device in dict.fromkeys(n.split("@")[1] for n in names if n.startswith("pt2gpu@")):
        text += [f"\n## {device}\n", device_table(results, device, names)]
    for title, key in (("All medians, ms", "ms"), ("Processor time of a run, ms", "cpu_ms"),
                       ("First run after loading, ms", "first_ms"), ("Loading, ms", "load_ms"),
                       ("Peak resident memory, MB", "peak_rss_mb")):
        rows = [[n, *(cell_text(results[n].get(c), key) for c in names)] for n in order]
        text += [f"\n## {title}\n", table(["network", *names], rows)]
    failures = [f"- {n}, {c}: {re.sub(r'(/[^/ ]+)+/', '', r['error'])[:160]}" for n in order
                for c, r in sorted(results[n].items()) if "error" in r]
    notes = [f"- {n}, {c}: {r['note']}" for n in order for c, r in sorted(results[n].items()) if r.get("note")]
    text += ["\n## Failures\n", "\n".join(failures) or "none", "\n## Peers that did part of the work elsewhere\n",
             "\n".join(notes) or "none", "\n" + section_of(a.output, "## Checking indices\n").rstrip("\n")]
    with open(a.output, "w") as f:
        f.write("\n".join(text).rstrip("\n") + "\n")


# ---- the command ----

def arguments():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("pt2gpu", nargs="?", default=os.path.join(ROOT, "build", "pt2gpu"))
    p.add_argument("--devices", help="as tests/devices.py names them; default: all there are")
    p.add_argument("--peers", help="names, or name@device, name@cpu; default: all that are installed but slow ones")
    p.add_argument("--networks", help="default: all")
    p.add_argument("--python", action="append", default=[], help="an interpreter in which peers are installed")
    p.add_argument("--work", default=os.path.join(ROOT, "build", "compare"), help="networks and results")
    p.add_argument("--output", default=os.path.join(ROOT, "docs", "benchmarks.md"))
    p.add_argument("--minutes", type=float, default=15, help="no network is begun after these")
    p.add_argument("--rounds", type=int, default=3)
    p.add_argument("--slice", type=float, default=0.25, help="seconds of one turn")
    p.add_argument("--soft", type=float, default=6, help="seconds after which a program gets no further turn")
    p.add_argument("--limit", type=float, default=60, help="seconds for a start or a turn")
    p.add_argument("--prepare-limit", type=float, default=240, help="seconds for a conversion")
    p.add_argument("--again", action="store_true", help="also what is measured already")
    p.add_argument("--only-table", action="store_true", help="measure nothing, write the table")
    return p.parse_args()


def main():
    a = arguments()
    a.pt2gpu, a.work, begin = os.path.abspath(a.pt2gpu), os.path.abspath(a.work), time.time()
    os.makedirs(a.work, exist_ok=True)
    a.log, kept = os.path.join(a.work, "log.txt"), os.path.join(a.work, "results.json")
    results = json.load(open(kept)) if os.path.exists(kept) else {}
    wanted = a.networks.split(",") if a.networks else NETWORKS
    all_columns = [] if a.only_table else columns(a)
    for network in [] if a.only_table else export(a, wanted):
        have = {} if a.again else results.get(network, {})
        todo = [c for c in all_columns if c[0] not in have]
        if not todo:
            continue
        if time.time() - begin > a.minutes * 60:
            print(f"{network} and what follows: not measured, the {a.minutes:g} minutes are over")
            break
        results[network] = {**results.get(network, {}), **measure(a, network, todo), "commit": this_commit()}
        print(network, {c: cell_text(r) for c, r in results[network].items() if c != "commit"}, flush=True)
        with open(kept + ".tmp", "w") as f:
            json.dump(results, f, indent=1)
        os.replace(kept + ".tmp", kept)
    header = machine(a, results)
    for cells in results.values():
        cells.pop("commit", None)
    write(a, results, header)


if __name__ == "__main__":
    main()
