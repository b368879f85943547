#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What checking indices costs: networks that are mostly embeddings, with and without --trust-indices, taking turns.

    indices.py [PT2GPU] [--devices NAMES] [--pairs N] [--output FILE]

Needs PyTorch, to export the networks. Each pair is a slice of runs of either program, the first one changing from pair
to pair; the figure is the median of the pairs' ratios of processor time, with the range of their middle half. Writes
its section of docs/benchmarks.md, which compare.py keeps.
"""
import argparse
import os
import statistics

import compare

MARK = "## Checking indices\n"
TEXT = """
Processor time of a run with checked indices by that of one without (`--trust-indices`), medians of {pairs} pairs of
slices, and the middle half of them. Who checks is what `pt2gpu plan` says. Written by `tools/compare/indices.py`.

"""


def networks():
    """name -> (module, inputs)"""
    import torch

    class Tokens(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.table, self.head = torch.nn.Embedding(8192, 256), torch.nn.Linear(256, 256)

        def forward(self, ids):
            return self.head(self.table(ids))

    class Tables(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.tables = torch.nn.ModuleList(torch.nn.Embedding(1000, 32) for _ in range(26))
            self.head = torch.nn.Linear(26 * 32, 64)

        def forward(self, ids):
            return self.head(torch.cat([t(ids[:, k]) for k, t in enumerate(self.tables)], 1))

    class Hashed(Tables):
        def forward(self, ids):
            return super().forward((ids * 2654435761) & 511)

    class Computed(Tables):
        def forward(self, ids):
            return super().forward((ids.float() * 1.5).long())

    return {"tokens 512 x 256": (Tokens(), torch.randint(0, 8192, (1, 512))),
            "26 tables, batch 256": (Tables(), torch.randint(0, 1000, (256, 26))),
            "26 tables, hashed ids": (Hashed(), torch.randint(0, 1000, (256, 26))),
            "26 tables, computed ids": (Computed(), torch.randint(0, 600, (256, 26)))}


def export(work):
    import numpy as np
    import torch
    torch.manual_seed(0)
    for name, (module, ids) in networks().items():
        path = os.path.join(work, "".join(c if c.isalnum() else "_" for c in name))
        torch.export.save(torch.export.export(module.eval(), (ids,)), path + ".pt2")
        np.savez(path + ".npz", in_0=ids.numpy())
        yield name, path


def program(a, device, path, *options):
    command = [a.pt2gpu, "bench", path + ".pt2", "--serve", "--runs=50", "--input", path + ".npz",
               "--backend=" + device.backend, *device.options, *options]
    return compare.Program(device.name, device.command(*command), compare.environment(device), a.log)


def measure(a, device, path):
    """The ratios of a run's processor time, by pair."""
    both, ratios = [program(a, device, path), program(a, device, path, "--trust-indices")], []
    for p in both:
        answer = p.start(60)
        if "error" not in answer:
            answer = p.run(50, 60)
        if "error" in answer:
            raise SystemExit(f"{path} on {device.name}: {answer['error']}; see {a.log}")
    for k in range(a.pairs):
        times = {}
        for p in both if k % 2 else both[::-1]:
            times[p] = statistics.median(p.run(50, 60)["cpu_ms"])
        ratios.append(times[both[0]] / times[both[1]])
    for p in both:
        p.end()
    return sorted(ratios)


def cell(ratios):
    n = len(ratios)
    return f"{statistics.median(ratios):.3f} ({ratios[n // 4]:.3f} to {ratios[n - 1 - n // 4]:.3f})"


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("pt2gpu", nargs="?", default=os.path.join(compare.ROOT, "build", "pt2gpu"))
    p.add_argument("--devices", help="as tests/devices.py names them; default: all there are")
    p.add_argument("--pairs", type=int, default=40)
    p.add_argument("--work", default=os.path.join(compare.ROOT, "build", "compare"))
    p.add_argument("--output", default=os.path.join(compare.ROOT, "docs", "benchmarks.md"))
    a = p.parse_args()
    a.pt2gpu = os.path.abspath(a.pt2gpu)
    os.makedirs(a.work, exist_ok=True)
    a.log = os.path.join(a.work, "log.txt")
    found = compare.find_devices(a)
    rows = [[name, *(cell(measure(a, d, path)) for d in found)] for name, path in export(a.work)]
    section = MARK + TEXT.format(pairs=a.pairs) + compare.table(["network", *(d.name for d in found)], rows) + "\n"
    print(section)
    compare.replace_section(a.output, MARK, section)


if __name__ == "__main__":
    main()
