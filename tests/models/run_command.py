#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pt2gpu command as its users meet it, on one device: what it prints, exit statuses, files, bad input.

    run_command.py PT2GPU --device lavapipe [TEST ...]
"""
import glob
import itertools
import json
import os
import random

import command
from command import BAD_DATA, DATA, DEVICE, DIFFERENT, DONE, GOLDEN, SIMPLE_NET, UNSUPPORTED, USAGE, np


class Command(command.Command):
    # ---- what works ----

    def test_agrees_with_pytorch(self):
        text = self.ok(SIMPLE_NET, "--input", GOLDEN, "--against=" + GOLDEN)
        for word in ("device", "out_0", "out_1", "float32 [1, 10]", "agrees with"):
            self.assertIn(word, text)

    def test_sample_inputs(self):
        self.ok("run", SIMPLE_NET, "--output", self.path("a.npz"))
        with np.load(self.path("a.npz")) as z:
            self.assertEqual(sorted(z.files), ["out_0", "out_1"])

    def test_second_start_gives_the_same(self):
        for name in ("a.npz", "b.npz"):
            self.ok(SIMPLE_NET, "--output=" + self.path(name))
        with np.load(self.path("a.npz")) as a, np.load(self.path("b.npz")) as b:
            self.assertTrue(np.array_equal(a["out_0"], b["out_0"]))

    def test_gradients_are_named(self):
        model = os.path.join(command.TESTS, "data", "training.pt2")
        text = self.ok("info", model, backend=False)
        for words in ("float32 scalar, the loss", "float32 [1, 8], the gradient of l.weight"):
            self.assertIn(words, text)
        outputs = json.loads(self.ok("info", model, "--json", backend=False))["outputs"]
        self.assertEqual([(o["role"], o.get("gradient_of")) for o in outputs],
                         [("loss", None), ("gradient_of_parameter", "l.weight"), ("gradient_of_parameter", "l.bias")])
        self.assertIn("l.bias.grad", self.ok(model))

    def test_npy_and_names(self):
        with np.load(GOLDEN) as z:
            x = z["in_0"]
        np.save(self.path("x.npy"), x)
        name = json.loads(self.ok("info", SIMPLE_NET, "--json", backend=False))["inputs"][0]["name"]
        by_name = self.save("x.npz", **{name: np.asfortranarray(x).astype(">f4")})
        for file in (self.path("x.npy"), by_name):
            self.ok(SIMPLE_NET, "--input", file, "--against", GOLDEN)

    def test_several_inputs_and_state(self):
        x = [np.full(3, v, np.float32) for v in (1, 2)]
        files = [self.save(f"in{i}.npz", in_0=a) for i, a in enumerate(x)]
        counter = self.fixture("counter")
        self.ok(counter, "--input", files[0], "--input", files[1], "--output", self.path("both.npz"),
                "--save-state", self.path("both_state.npz"))
        self.ok(counter, "--input", files[0], "--output", self.path("one.npz"),
                "--save-state", self.path("one_state.npz"))
        self.ok(counter, "--input", files[1], "--output", self.path("two.npz"),
                "--load-state", self.path("one_state.npz"), "--save-state", self.path("two_state.npz"))
        for a, b in (("both.0.npz", "one.npz"), ("both.1.npz", "two.npz"), ("both_state.npz", "two_state.npz")):
            with np.load(self.path(a)) as p, np.load(self.path(b)) as q:
                self.assertEqual(p.files, q.files)
                self.assertTrue(p.files and all(np.array_equal(p[k], q[k]) for k in p.files), (a, b))
        self.assertFalse(os.path.exists(self.path("both.npz")))

    def test_list(self):
        broken = self.path("broken.pt2")
        with open(broken, "wb") as f:
            f.write(b"PK\x03\x04 and so on")
        models = [SIMPLE_NET, broken, "/nowhere.pt2", self.fixture("mlp_dynbatch")]
        with open(self.path("list"), "w") as f:
            f.writelines(f"{m}\t{self.path(str(i))}.npz\n" for i, m in enumerate(models))
        process = self.call("run", "--list", self.path("list"))
        self.assertEqual((process.returncode, process.stderr), (BAD_DATA, ""))
        lines = [line.split("\t") for line in process.stdout.splitlines()]
        self.assertEqual([line[0] for line in lines], ["ok", "error", "error", "ok"])
        self.assertEqual([line[1] for line in lines], [SIMPLE_NET, "1", "1", models[3]])
        self.assertEqual([len(line) for line in lines], [3, 4, 4, 3])
        self.assertRegex(lines[0][2], r"^\w+:\d+ [1-9]")
        self.assertEqual(sorted(os.listdir(self.folder)), ["0.npz", "3.npz", "broken.pt2", "list"])
        with open(self.path("list"), "w") as f:
            f.write(f"{SIMPLE_NET}\t{self.path('0')}.npz\n")
        self.ok("run", "--list", self.path("list"))

    def test_json(self):
        self.assertIn("runs", json.loads(self.ok("run", SIMPLE_NET, "--json")))
        self.assertIn("launches", json.loads(self.ok("plan", SIMPLE_NET, "--json")))
        self.assertIn("kernels", json.loads(self.ok("check", SIMPLE_NET, "--json")))
        self.assertTrue(json.loads(self.ok("devices", "--json", backend=False)))
        bench = json.loads(self.ok("bench", SIMPLE_NET, "--runs=3", "--json").splitlines()[-1])
        self.assertEqual(len(bench["ms"]), 3)
        self.assertEqual(len(bench["cpu_ms"]), 3)
        for key in ("load_ms", "first_ms", "peak_rss_mb", "launches", "kernels_compiled", "kernels_found"):
            self.assertGreaterEqual(bench[key], 0)

    def test_bench_kernels(self):
        bench = json.loads(self.ok("bench", SIMPLE_NET, "--runs=2", "--json", "--input", GOLDEN, "--against", GOLDEN))
        kernels = bench["kernels"]
        self.assertTrue(bench["agrees"])
        self.assertEqual(sum(k["launches"] for k in kernels), bench["launches"])
        self.assertEqual(sorted((k["ms"] for k in kernels), reverse=True), [k["ms"] for k in kernels])
        self.assertAlmostEqual(sum(k["ms"] for k in kernels), bench["kernel_ms"], places=6)
        self.assertGreater(bench["device_ms"], 0)
        self.assertTrue(all(k["node"] and k["bytes"] > 0 for k in kernels))
        conv = next(k for k in kernels if k["node"] == "conv2d")
        self.assertEqual((conv["operations"], conv["module"]), (2 * (6 * 28 * 28) * (3 * 5 * 5), "conv"))
        self.assertGreaterEqual(bench["memory"]["activations"], bench["memory"]["live"])
        self.assertGreater(bench["memory"]["live"], 0)
        for limit in bench["limits"]:
            self.assertGreater(min(limit["operations_per_s"], limit["bytes_per_s"]), 0)
        text = self.ok("bench", SIMPLE_NET, "--runs=2", "--input", GOLDEN, "--against", GOLDEN)
        for word in ("of the largest live set", "overhead", "module, node", "total", "agrees with"):
            self.assertIn(word, text)
        self.assertEqual(len(text.split("module, node")[1].strip().splitlines()), len(kernels) + 1)
        self.assertNotIn("kernels", json.loads(self.ok("bench", SIMPLE_NET, "--runs=2", "--brief", "--json")))

    def test_bench_startup(self):
        starts = json.loads(self.ok("bench", SIMPLE_NET, "--runs=1", "--startup", "--brief", "--json"))["starts"]
        self.assertEqual(len(starts), 2)
        for start in starts:
            self.assertGreater(start["process_ms"], start["load_ms"])
        counts = [s["kernels_compiled"] + s["kernels_found"] for s in starts]
        self.assertEqual(counts[0], counts[1])
        self.assertEqual(starts[0]["kernels_found"], 0)

    def test_bench_serves(self):
        process = self.call("bench", SIMPLE_NET, "--serve", "--runs=5", "--input", GOLDEN, "--against", GOLDEN,
                            stdin="2\n3\n")
        self.assertEqual(process.returncode, DONE, process.stderr)
        ready, *answers = [json.loads(line) for line in process.stdout.splitlines()]
        self.assertTrue(ready["agrees"] and ready["load_ms"] > 0)
        self.assertEqual([len(a["ms"]) for a in answers], [2, 3])
        self.assertTrue(all(a["agrees"] for a in answers))
        self.assertEqual(self.call("bench", SIMPLE_NET, "--serve", "--runs=5", stdin="6\n").returncode, USAGE)

    def test_tune(self):
        """Tiles are found, kept and used; what a damaged file asks for is taken only where it is possible."""
        model, stored = (os.path.join(DATA, "two_towers" + end) for end in (".pt2", ".npz"))
        cache = {"PT2GPU_CACHE": os.path.join(self.folder, "cache")}
        text = self.ok("tune", model, env=cache)
        rows = [line.split() for line in text.splitlines()[1:-1]]
        if self.device.name == "reference":
            self.assertIn("nothing to tune", text)
            return
        self.assertGreater(len(rows), 0)
        for row in rows:
            self.assertEqual(row[6], "0", "tiles that give other results: " + text)
            self.assertGreaterEqual(float(row[1]), float(row[3]) * 0.999)
        self.assertIn("nothing to tune", self.ok("tune", model, env=cache))
        facts, = glob.glob(os.path.join(cache["PT2GPU_CACHE"], "*.facts"))
        names = [line.split()[0] for line in open(facts) if line.startswith("tiles-")]
        self.assertEqual(len(names), len(rows))
        wrong = itertools.cycle(("7 9 5", "65536 65536 65536", "-3 1e300 nan", "16 64"))
        with open(facts, "w") as f:
            f.writelines(f"{name} {tiles}\n" for name, tiles in zip(names, wrong))
        self.assertIn("agrees", self.ok("run", model, "--against", stored, env=cache))
        self.refused([USAGE], "run", model, "--tune=slowly")

    def test_check(self):
        self.assertIn("0 differ", self.ok("check", SIMPLE_NET, "--input", GOLDEN, "--against", GOLDEN))
        with np.load(GOLDEN) as z:
            wrong = self.save("wrong.npz", out_0=z["out_0"] + 1)
        self.assertEqual(self.call("check", SIMPLE_NET, "--against", wrong).returncode, DIFFERENT)
        # a sum that devices cut in two: only they store its parts
        self.assertIn(" 0 differ", self.ok("check", os.path.join(DATA, "long_sum.pt2")))

    def test_help(self):
        self.assertIn("Exit status", self.ok("--help", backend=False))
        self.assertRegex(self.ok("--version", backend=False), r"^pt2gpu \d+\.\d+\.\d+\n$")
        for command in ("run", "info", "plan", "check", "bench", "devices"):
            self.assertIn("usage:", self.ok(command, "--help", backend=False))

    # ---- what is refused ----

    def test_usage(self):
        for args in (["frobnicate"], ["run"], ["plan"], ["run", SIMPLE_NET, "--frobnicate"],
                     ["run", SIMPLE_NET, "extra"], ["bench", SIMPLE_NET, "--runs=many"],
                     ["run", SIMPLE_NET, "--output"], ["devices", SIMPLE_NET]):
            self.refused([USAGE], *args, backend=False)

    def test_devices(self):
        self.refused([USAGE, DEVICE], SIMPLE_NET, "--backend=abacus", backend=False)
        self.refused([DEVICE], SIMPLE_NET, "--device=999")

    def test_wrong_inputs(self):
        good = np.zeros((1, 3, 32, 32), np.float32)
        self.assertIn("in_0", self.refused([BAD_DATA], SIMPLE_NET, "--input", self.save("none.npz", out_0=good)))
        self.refused([BAD_DATA], SIMPLE_NET, "--input", self.save("extra.npz", in_0=good, in_1=good))
        self.refused([BAD_DATA], SIMPLE_NET, "--input", self.save("typo.npz", xx=good))
        for wrong in (good[0], good[:, :2], np.zeros((2, 3, 32, 32), np.float32), good.astype(np.float64),
                      good.astype(np.int32)):
            self.refused([BAD_DATA], SIMPLE_NET, "--input", self.save("wrong.npz", in_0=wrong))
        self.refused([BAD_DATA], SIMPLE_NET, "--input", self.path("absent.npz"))
        self.refused([BAD_DATA], SIMPLE_NET, "--input", SIMPLE_NET)

    def test_sizes_out_of_range(self):
        model = self.fixture("mlp_dynbatch") # batch 2..64
        with np.load(model[:-4] + ".npz") as z:
            row = z["r0_in0"][:1]
        for batch in (1, 65):
            x = np.repeat(row, batch, 0)
            self.refused([BAD_DATA], model, "--input", self.save("x.npz", in_0=x))

    def test_second_input_bad(self):
        bad = self.save("bad.npz", in_0=np.zeros(3, np.float32))
        self.refused([BAD_DATA], SIMPLE_NET, "--input", GOLDEN, "--input", bad)

    def test_unwritable_output(self):
        process = self.call("run", SIMPLE_NET, "--output=/nonexistent/out.npz")
        self.assertEqual(process.returncode, BAD_DATA, process.stderr)

    def test_truncated_archives(self):
        data = open(SIMPLE_NET, "rb").read()
        for size in [0, 1, 3, 4, 30, 100, 1000, len(data) // 2, len(data) - 100, len(data) - 22, len(data) - 1]:
            with open(self.path("cut.pt2"), "wb") as f:
                f.write(data[:size])
            self.refused([BAD_DATA], self.path("cut.pt2"))

    def test_flipped_bits(self):
        """Run, or refused in good order: half of the flips hit the JSON texts and the directory at the end."""
        data, rng = open(SIMPLE_NET, "rb").read(), random.Random(1)
        start = data.index(b'{"')
        for i in range(30):
            first, last = (start, start + 20000) if i % 3 else (len(data) - 3000, len(data))
            at = rng.randrange(first, min(len(data), last))
            damaged = bytearray(data)
            damaged[at] ^= 1 << rng.randrange(8)
            with open(self.path("flip.pt2"), "wb") as f:
                f.write(damaged)
            process = self.call(self.path("flip.pt2"), "--output", self.path("out.npz"))
            self.assertIn(process.returncode, (DONE, BAD_DATA, UNSUPPORTED), f"byte {at}: {process.stderr}")
            if process.returncode:
                self.assertEqual(len(process.stderr.splitlines()), 1, process.stderr)
                self.assertFalse(os.path.exists(self.path("out.npz")))
            else:
                os.remove(self.path("out.npz"))


if __name__ == "__main__":
    command.main(Command, __doc__)
