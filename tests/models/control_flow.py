# SPDX-License-Identifier: MIT
"""Programs with control flow, made without PyTorch: an archive, inputs and the results that it must have.

A Graph collects nodes; `write` makes the archive of one. Every node is evaluated by NumPy too (`Graph.run`), on whole
numbers, so that results are exact on every device. `random_program` nests `cond`, `while_loop` and `map` at random.
"""
import json
import random
import zipfile

import numpy as np

FLOAT, INT, BOOL, DOUBLE = 7, 5, 12, 8
DTYPES = {FLOAT: np.float32, INT: np.int64, BOOL: np.bool_, DOUBLE: np.float64}


class Value:
    """`sizes` are numbers or names of symbols; `least` is the smallest that a symbolic first size can be."""

    def __init__(self, name, sizes=(), dtype=FLOAT, least=None):
        self.name, self.sizes, self.dtype = name, tuple(sizes), dtype
        self.least = least if least is not None else sizes[0] if sizes else 1


def size_json(size):
    return {"as_int": size} if isinstance(size, int) else \
        {"as_expr": {"expr_str": f"Symbol('{size}', integer=True)", "hint": None}}


def meta_json(v):
    strides = [1] * len(v.sizes)
    for k in reversed(range(len(v.sizes) - 1)):
        strides[k] = strides[k + 1] * v.sizes[k + 1]
    return {"dtype": v.dtype, "sizes": [size_json(s) for s in v.sizes], "requires_grad": False,
            "device": {"type": "cpu", "index": None}, "strides": [{"as_int": s} for s in strides],
            "storage_offset": {"as_int": 0}, "layout": 7}


def arg_json(a):
    if isinstance(a, Value):
        return {"as_tensor": {"name": a.name}}
    if isinstance(a, Graph):
        return {"as_graph": {"name": a.name, "graph": a.json()}}
    if isinstance(a, list):
        return {"as_tensors": [{"name": v.name} for v in a]} if not a or isinstance(a[0], Value) else {"as_ints": a}
    return {"as_bool": a} if isinstance(a, bool) else {"as_int": a} if isinstance(a, int) else {"as_float": a}


class Graph:
    count = 0

    def __init__(self, name, inputs):
        Graph.count += 1
        self.name, self.inputs, self.outputs = f"{name}_{Graph.count}", inputs, []
        self.nodes, self.values, self.ranges = [], list(inputs), {}

    def value(self, *args, **kwargs):
        v = Value(f"v{len(self.values)}", *args, **kwargs)
        self.values.append(v)
        return v

    def add(self, target, args, results, function):
        """`function` computes the results from the arguments: arrays, graphs and numbers."""
        self.nodes.append((target, args, results, function))
        return results[0] if len(results) == 1 else results

    def json(self):
        nodes = []
        for target, args, results, _ in self.nodes:
            inputs = [{"name": name, "arg": arg_json(a), "kind": 1} for name, a in args]
            outputs = [arg_json(v) for v in results]
            if target.startswith("higher_order"):
                outputs = [arg_json(list(results))]
            nodes.append({"target": "torch.ops." + target, "inputs": inputs, "outputs": outputs, "metadata": {},
                          "is_hop_single_tensor_return": None, "name": results[0].name})
        return {"inputs": [arg_json(v) for v in self.inputs], "outputs": [arg_json(v) for v in self.outputs],
                "nodes": nodes, "tensor_values": {v.name: meta_json(v) for v in self.values}, "sym_int_values": {},
                "sym_bool_values": {}, "sym_float_values": {}, "custom_obj_values": {},
                "is_single_tensor_return": False}

    def run(self, inputs):
        known = {v.name: x for v, x in zip(self.inputs, inputs)}

        def look(a):
            return known[a.name] if isinstance(a, Value) else [look(x) for x in a] if isinstance(a, list) else a
        for _, args, results, function in self.nodes:
            got = function(*[look(a) for _, a in args])
            for v, x in zip(results, got if isinstance(got, (list, tuple)) else [got]):
                known[v.name] = np.asarray(x, DTYPES[v.dtype])
        return [known[v.name] for v in self.outputs]

    def all_ranges(self):
        found = dict(self.ranges)
        for _, args, _, _ in self.nodes:
            for _, a in args:
                found.update(a.all_ranges() if isinstance(a, Graph) else {})
        return found


# ---- operators ----

def full(g, sizes, number, dtype=FLOAT):
    return g.add("aten.full.default", [("size", list(sizes)), ("fill_value", number)],
                 [g.value(sizes, dtype)], lambda s, n: np.full(s, n, DTYPES[dtype]))


def unary(g, name, function, x):
    return g.add(f"aten.{name}.default", [("self", x)], [g.value(x.sizes, x.dtype, x.least)], function)


def binary(g, name, function, x, y):
    return g.add(f"aten.{name}", [("self", x), ("other", y)], [g.value(x.sizes, x.dtype, x.least)], function)


def bounded(g, x):
    """Numbers stay so small that sums of them are exact."""
    return g.add("aten.clamp.default", [("self", x), ("min", -50), ("max", 50)], [g.value(x.sizes, x.dtype, x.least)],
                 np.clip)


def part(g, x, start, end):
    return g.add("aten.slice.Tensor", [("self", x), ("dim", 0), ("start", start), ("end", end)],
                 [g.value([end - start])], lambda a, _, s, e: a[s:e])


def total(g, x):
    return g.add("aten.sum.default", [("self", x)], [g.value([])], np.sum)


def above(g, x, limit):
    return g.add("aten.gt.Scalar", [("self", x), ("other", limit)], [g.value([], BOOL)], np.greater)


def less(g, x, y):
    return g.add("aten.lt.Tensor", [("self", x), ("other", y)], [g.value([], BOOL)], np.less)


def next_number(g, x):
    return g.add("aten.add.Tensor", [("self", x), ("other", 1)], [g.value([], INT)], np.add)


def cond(g, test, yes, no, operands, results):
    return g.add("higher_order.cond", [("", test), ("", yes), ("", no), ("", operands)], results,
                 lambda p, t, f, xs: (t if p else f).run(xs))


def turn_while(test, body, carried, rest):
    while test.run([*carried, *rest])[0]:
        carried = body.run([*carried, *rest])
    return carried


def while_loop(g, test, body, carried, rest, results):
    return g.add("higher_order.while_loop", [("", test), ("", body), ("", carried), ("", rest)], results, turn_while)


def map_rows(g, body, stacked, rest, results):
    return g.add("higher_order.map_impl", [("", body), ("", stacked), ("", rest)], results,
                 lambda f, xs, r: [np.stack(rows) for rows in
                                   zip(*[f.run([*row, *r]) for row in zip(*xs)])])


# ---- archives ----

def leaves(n):
    return [{"type": None, "context": None, "children_spec": []}] * n


def write(path, g):
    none = {"type": "builtins.dict", "context": "[]", "children_spec": []}
    args = {"type": "builtins.tuple", "context": "null", "children_spec": leaves(len(g.inputs))}
    in_spec = [1, {"type": "builtins.tuple", "context": "null", "children_spec": [args, none]}]
    out_spec = [1, {"type": "builtins.tuple", "context": "null", "children_spec": leaves(len(g.outputs))}]
    signature = {"input_specs": [{"user_input": {"arg": arg_json(v)}} for v in g.inputs],
                 "output_specs": [{"user_output": {"arg": arg_json(v)}} for v in g.outputs]}
    call = {"inputs": [], "outputs": [], "in_spec": json.dumps(in_spec), "out_spec": json.dumps(out_spec),
            "forward_arg_names": [v.name for v in g.inputs]}
    ranges = {name: {"min_val": lo, "max_val": hi} for name, (lo, hi) in g.all_ranges().items()}
    model = {"graph_module": {"graph": g.json(), "signature": signature, "metadata": {},
                              "module_call_graph": [{"fqn": "", "signature": call}],
                              "treespec_namedtuple_fields": {}},
             "opset_version": {"aten": 10}, "range_constraints": ranges, "schema_version": {"major": 8, "minor": 20},
             "verifiers": ["TRAINING"], "torch_version": "2.13.0", "guards_code": []}
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in (("archive_format", "pt2"), ("archive_version", "0"), ("byteorder", "little"),
                           (".data/version", "6\n"), ("models/model.json", json.dumps(model)),
                           ("data/weights/model_weights_config.json", '{"config": {}}'),
                           ("data/constants/model_constants_config.json", '{"config": {}}')):
            archive.writestr("made/" + name, text)


# ---- random programs ----

class Maker:
    """Adds nodes to graphs. Vectors are float32 of few elements, whose number may be a symbol."""

    def __init__(self, seed):
        self.random, self.symbols = random.Random(seed), 0

    def vectors(self, g):
        return [v for v in g.values if v.dtype == FLOAT and len(v.sizes) == 1]

    def pick(self, g):
        return self.random.choice(self.vectors(g))

    def fixed(self, g):
        """One whose size is a number."""
        found = [v for v in self.vectors(g) if isinstance(v.sizes[0], int)]
        return self.random.choice(found) if found else full(g, [self.random.randint(2, 6)], 3)

    def like(self, g, x):
        return self.random.choice([v for v in self.vectors(g) if v.sizes == x.sizes])

    def simple(self, g):
        x = self.pick(g)
        kind = self.random.randrange(7)
        if kind == 0:
            return unary(g, "neg", np.negative, x)
        if kind == 1:
            return unary(g, "relu", lambda a: np.maximum(a, 0), x)
        if kind == 2:
            return bounded(g, binary(g, "add.Tensor", np.add, x, self.like(g, x)))
        if kind == 3:
            return binary(g, "maximum.default", np.maximum, x, self.like(g, x))
        if kind == 4:
            return bounded(g, binary(g, "sub.Tensor", np.subtract, x, total(g, self.pick(g))))
        if kind == 5 and isinstance(x.sizes[0], int) and x.sizes[0] > 1:
            start = self.random.randrange(x.sizes[0] - 1)
            return part(g, x, start, self.random.randint(start + 1, x.sizes[0]))
        return full(g, [self.random.randint(1, 6)], self.random.randint(-3, 3))

    def test(self, g):
        return above(g, total(g, self.pick(g)), self.random.randint(-6, 6))

    def inner(self, name, outer, extra=()):
        """A graph whose inputs are some vectors of the outer one; and these."""
        operands = self.random.sample(self.vectors(outer), min(len(self.vectors(outer)), self.random.randint(1, 3)))
        inputs = [*extra, *operands]
        return operands, Graph(name, [Value(f"v{k}", v.sizes, v.dtype, v.least) for k, v in enumerate(inputs)])

    def of_size(self, g, size):
        """A vector of the graph that has exactly this size: of what there is, or cut from a new one."""
        found = [v for v in self.vectors(g) if v.sizes[0] == size]
        return self.random.choice(found) if found and self.random.random() < .8 else full(g, [size], 2)

    def branches(self, g, depth):
        test, (operands, yes) = self.test(g), self.inner("yes", g)
        no = Graph("no", [Value(f"v{k}", v.sizes, v.dtype, v.least) for k, v in enumerate(operands)])
        results, shared = [], None
        for branch in (yes, no):
            self.fill(branch, self.random.randint(1, 3), depth - 1)
        for k in range(self.random.randint(1, 2)):
            a, b = self.fixed(yes), self.fixed(no)
            if k and shared and self.random.random() < .5: # results that share a symbol
                a, b = self.of_size(yes, shared[1]), self.of_size(no, shared[2])
                size, least = shared[0], min(shared[1:])
            elif a.sizes == b.sizes:
                size, least = a.sizes[0], a.sizes[0]
            else:
                size, least = f"u{self.symbols}", min(a.sizes[0], b.sizes[0])
                self.symbols += 1
                g.ranges[size] = (least, max(a.sizes[0], b.sizes[0]))
                shared = (size, a.sizes[0], b.sizes[0])
            yes.outputs.append(a)
            no.outputs.append(b)
            results.append(g.value([size], FLOAT, least))
        cond(g, test, yes, no, operands, results)

    def loop(self, g, depth):
        carried = [full(g, [], 0, INT), full(g, [], self.random.randint(1, 3), INT)]
        vectors = [self.pick(g) for _ in range(self.random.randint(1, 3))]
        carried += [v if self.random.random() < .8 else self.start(g, v) for v in vectors]
        rest, body = self.inner("body", g, carried)
        test = Graph("test", [Value(v.name, v.sizes, v.dtype, v.least) for v in body.inputs])
        self.fill(body, self.random.randint(1, 3), depth - 1)
        test.outputs = [less(test, test.inputs[0], test.inputs[1])]
        body.outputs = [next_number(body, body.inputs[0]), body.inputs[1]]
        body.outputs += [self.random.choice([v for v in self.vectors(body) if v.sizes == c.sizes])
                         for c in carried[2:]]
        results = [g.value(v.sizes, v.dtype, v.least) for v in carried]
        while_loop(g, test, body, carried, rest, results)

    def start(self, g, v):
        return full(g, v.sizes, 1) if isinstance(v.sizes[0], int) else v

    def mapped(self, g, depth):
        xs = self.fixed(g)
        rest, body = self.inner("row", g, [Value("", [])])
        self.fill(body, self.random.randint(1, 3), depth - 1)
        row = binary(body, "add.Tensor", np.add, body.inputs[0], total(body, self.pick(body)))
        body.outputs = [bounded(body, row)]
        map_rows(g, body, [xs], rest, [g.value(xs.sizes)])

    def fill(self, g, nodes, depth):
        for _ in range(nodes):
            kinds = [self.simple, self.simple]
            if depth > 0:
                kinds += [lambda x: self.branches(x, depth), lambda x: self.branches(x, depth),
                          lambda x: self.loop(x, depth), lambda x: self.mapped(x, depth)]
            self.random.choice(kinds)(g)


def random_program(seed):
    """(graph, inputs, results)"""
    maker = Maker(seed)
    g = Graph("main", [Value("x", [maker.random.randint(2, 6)]), Value("y", [maker.random.randint(2, 6)])])
    maker.fill(g, 4, 3)
    maker.branches(g, 2)
    maker.loop(g, 2)
    g.outputs = maker.random.sample(maker.vectors(g), min(4, len(maker.vectors(g)))) + [total(g, maker.pick(g))]
    inputs = [np.array([maker.random.randint(-4, 4) for _ in range(v.sizes[0])], np.float32) for v in g.inputs]
    return g, inputs, g.run(inputs)
