#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Writes what this repository keeps of PyTorch's operator registry. Needs PyTorch, and ExecuTorch for its own operators.

    registry.py

- tests/data/registry.txt: every operator's name, its overloads behind it; the newest release counts;
- core/ops/arguments.c: the names of arguments, for files that pass them by position.
"""
import collections
import os
import textwrap

import torch
import torch.ao.quantization.fx._decomposed  # noqa: F401 registers its operators
import torch.onnx.ops  # noqa: F401

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
ARGUMENTS = ("aten", "quantized_decomposed", "dim_order_ops", "torchao", "quant")
HEADER = """/* SPDX-License-Identifier: MIT
 * Names of positional arguments, and the functional operators of torch {version} that have them. Written by
 * tools/registry.py. */
#include "ops/internal.h"

const char *const pt2_op_arguments[] = {{
"""


def write(path, text):
    with open(os.path.join(HERE, path), "w") as f:
        f.write(text)


def name_of(schema):
    namespace, packet = schema.name.split("::", 1)
    return f"{namespace}.{packet}", schema.overload_name or "default"


def in_dispatcher(schema):
    return torch._C._dispatch_has_kernel(schema.name + ("." if schema.overload_name else "") + schema.overload_name)


def registry(schemas):
    """packet -> overloads; TorchScript's own, which no dispatcher calls, under script."""
    packets = collections.defaultdict(set)
    for s in schemas:
        packet, overload = name_of(s)
        packets[packet if in_dispatcher(s) else "script " + packet].add(overload)
    for name in sorted(torch._ops._higher_order_ops):
        packets["higher_order." + name].add("default")
    return packets


def functional(schema):
    return not any(a.alias_info and a.alias_info.is_write for a in schema.arguments)


def arguments(schemas):
    groups = collections.defaultdict(list)
    for s in schemas:
        packet, overload = name_of(s)
        names = " ".join(a.name for a in s.arguments if not a.kwarg_only)
        if packet.split(".")[0] in ARGUMENTS and functional(s) and names and in_dispatcher(s):
            groups[names].append(packet if overload == "default" else f"{packet}.{overload}")
    for names, operators in sorted(groups.items()):
        operators.sort()
        for k in range(0, len(operators), 100): # C11 promises literals of 4095 characters
            lines = textwrap.wrap(f"({names}) {' '.join(operators[k:k + 100])}", 112, break_long_words=False,
                                  break_on_hyphens=False)
            yield " \"\n    \"".join(lines)


def with_others():
    try:
        import executorch.exir.passes.dim_order_ops_registry  # noqa: F401
        import torchao.quantization  # noqa: F401
    except ImportError:
        print("without the operators of ExecuTorch and torchao")


def main():
    version = torch.__version__.split("+")[0]
    schemas = torch._C._jit_get_all_schemas() # before others add theirs
    lines = [f"{packet}: {' '.join(sorted(overloads))}" for packet, overloads in sorted(registry(schemas).items())]
    write("tests/data/registry.txt", f"# torch {version}: written by tools/registry.py\n" + "\n".join(lines) + "\n")
    with_others()
    rows = [f'    "{line}",\n' for line in arguments(torch._C._jit_get_all_schemas())]
    write("core/ops/arguments.c", HEADER.format(version=version) + "".join(rows) + "    NULL,\n};\n")


if __name__ == "__main__":
    main()
