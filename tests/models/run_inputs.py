#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The pt2gpu command on one device: where inputs come from and outputs go, what `check` finds, which files are refused
and how, archives of several programs, text that a terminal must not obey.

    run_inputs.py PT2GPU --device lavapipe [TEST ...]

tests/data/checks.tar.xz has models with PyTorch's results: values computed in a narrower type than they are stored in,
sums that cancel, and sample inputs in objects of classes that no one here knows.
"""
import io
import json
import os
import stat
import struct
import subprocess
import zipfile

import command
from command import BAD_DATA, DIFFERENT, DONE, GOLDEN, SIMPLE_NET, UNSUPPORTED, USAGE, np


def rewrite(source, target, change):
    """Copies an archive; change(name, data) gives the new (name, data), or None to leave the record out."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for info in old.infolist():
            record = change(info.filename, old.read(info))
            if record:
                new.writestr(zipfile.ZipInfo(record[0]), record[1])
    return target


class Inputs(command.Command):
    def model(self, name):
        return os.path.join(self.checks, name + ".pt2")

    def golden(self, name):
        return os.path.join(self.checks, name + ".npz")

    def without_samples(self, source):
        return rewrite(source, self.path("bare.pt2"),
                       lambda name, data: None if "sample_inputs" in name else (name, data))

    def host(self, *args):
        """Where the device does not matter: nothing to compile."""
        return self.ok(*args, "--backend=reference", backend=False)

    # ---- sample inputs ----

    def test_samples_in_objects(self):
        self.assertIn("agrees", self.ok(self.model("hf_decode_cache"), "--against", self.golden("hf_decode_cache")))
        for name in ("cache", "cache_regrouped", "nested_objects", "dataclass_and_namedtuple", "hf_decode_cache"):
            self.assertIn("agrees", self.host(self.model(name), "--against", self.golden(name)), name)
            self.assertTrue(json.loads(self.ok("info", self.model(name), "--json", backend=False))["sample_inputs"])

    def test_samples_that_do_not_fit(self):
        why = self.refused([BAD_DATA], self.model("object_with_more"))
        for words in ("their_classes Odd holds 2 tensors", "--random"):
            self.assertIn(words, why)
        self.host(self.model("object_with_more"), "--input", self.golden("object_with_more"),
                  "--against", self.golden("object_with_more"))

    def test_no_samples(self):
        why = self.refused([BAD_DATA], self.without_samples(SIMPLE_NET))
        self.assertIn("input x is missing, and the archive has no sample inputs; give", why)
        self.assertEqual(why.count("archive has"), 1)

    # ---- random inputs ----

    def test_random_is_reproducible(self):
        results = []
        for k, option in enumerate(("--random=5", "--random=5", "--random=6", "--random")):
            self.host(SIMPLE_NET, option, "--output", self.path(f"{k}.npz"))
            with np.load(self.path(f"{k}.npz")) as z:
                results.append(z["out_0"])
        self.assertTrue(np.array_equal(results[0], results[1]))
        self.assertFalse(np.array_equal(results[0], results[2]) or np.array_equal(results[0], results[3]))

    def test_random_sizes(self):
        bare = self.without_samples(self.fixture("mlp_dynbatch")) # batch 2..64
        name = json.loads(self.ok("info", bare, "--json", backend=False))["sizes"][0]["name"]
        for options, batch in (([], None), ([f"--size={name}=17"], 17)):
            self.host(bare, "--random", *options, "--output", self.path("out.npz"))
            with np.load(self.path("out.npz")) as z:
                rows = z["out_0"].shape[0]
            self.assertTrue(2 <= rows <= 64 and rows == (batch or rows), rows)
        self.assertIn("range", self.refused([USAGE], bare, "--random", f"--size={name}=65"))
        self.assertIn(name, self.refused([USAGE], bare, "--random", "--size=nothing=3"))

    def test_random_for_all_commands(self):
        bare = self.without_samples(self.fixture("mlp_dynbatch"))
        for words in (["check"], ["bench", "--runs=2", "--brief"], ["trace"], ["tune"]):
            self.ok(words[0], bare, "--random=2", *words[1:], env={"PT2GPU_CACHE": self.path("cache")})
        for words in (["--random", "--input", GOLDEN], ["--random=x"], ["--size=s0=3"], ["--random", "--size=s0"]):
            self.refused([USAGE], SIMPLE_NET, *words)

    def test_random_indices(self):
        """Integers that become indices or sizes lie within their bounds, which the reference backend checks."""
        model = self.model("indices")
        self.host(model, "--input", self.golden("indices"), "--against", self.golden("indices"))
        shapes = set()
        for source in (model, self.without_samples(model)):
            for seed in range(8):
                self.host(source, f"--random={seed}", "--output", self.path("out.npz"))
                with np.load(self.path("out.npz")) as z:
                    shapes.add(z["out_3"].shape)
        self.assertGreater(len(shapes), 1)
        self.assertTrue(shapes <= {(2,), (3,), (4,), (5,)}, shapes)

    # ---- outputs ----

    def test_earlier_outputs_stay(self):
        out = self.path("out.npz")
        self.host(SIMPLE_NET, "--output", out)
        os.chmod(out, 0o640)
        before = open(out, "rb").read()
        for words in (["--input", self.save("bad.npz", in_0=np.zeros(3, np.float32))],
                      ["--random", "--save-state", "/nonexistent/state.npz"]):
            process = self.call(SIMPLE_NET, *words, "--output", out, "--backend=reference", backend=False)
            self.assertEqual(process.returncode, BAD_DATA)
            self.assertEqual(open(out, "rb").read(), before)
        self.host(SIMPLE_NET, "--random", "--output", out)
        self.assertNotEqual(open(out, "rb").read(), before)
        self.assertEqual(stat.S_IMODE(os.stat(out).st_mode), 0o640)
        os.symlink(out, self.path("link.npz"))
        self.host(SIMPLE_NET, "--output", self.path("link.npz"))
        self.assertTrue(os.path.islink(self.path("link.npz")))
        self.assertEqual(open(out, "rb").read(), before)
        self.assertEqual([f for f in os.listdir(self.folder) if f.endswith(".part")], [])

    def test_devices_and_folders_stay(self):
        self.host(SIMPLE_NET, "--output=/dev/null")
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/null").st_mode))
        self.assertIn("No space", self.refused_output("/dev/full"))
        self.assertTrue(stat.S_ISCHR(os.stat("/dev/full").st_mode))
        os.mkdir(self.path("empty"))
        self.assertIn("directory", self.refused_output(self.path("empty")))
        self.assertTrue(os.path.isdir(self.path("empty")))
        os.mkfifo(self.path("pipe"))
        reader = subprocess.Popen(["cat", self.path("pipe")], stdout=subprocess.PIPE)
        self.host(SIMPLE_NET, "--output", self.path("pipe"))
        self.assertEqual(np.load(io.BytesIO(reader.communicate()[0])).files, ["out_0", "out_1"])
        self.assertTrue(stat.S_ISFIFO(os.stat(self.path("pipe")).st_mode))

    def refused_output(self, path):
        process = self.call(SIMPLE_NET, "--output=" + path, "--backend=reference", backend=False)
        self.assertEqual(process.returncode, BAD_DATA, process.stderr)
        return process.stderr

    # ---- check ----

    def test_rounding_is_no_difference(self):
        for name in ("half_inside", "bfloat16_inside", "float32_to_float64", "float64", "mean_of_normalised",
                     "sums_that_cancel"):
            text = self.ok("check", self.model(name), "--input", self.golden(name), "--against", self.golden(name))
            self.assertIn(" 0 differ", text, name)
            self.assertIn("agrees with", text, name)

    def test_stored_outputs_that_are_wrong(self):
        for name, error in (("half_inside", 0.05), ("float32_to_float64", 0.5), ("sums_that_cancel", 0.01)):
            with np.load(self.golden(name)) as z:
                arrays = dict(z)
            arrays["out_0"].reshape(-1)[3] += error
            wrong = self.save("wrong.npz", **arrays)
            for command_name in ("run", "check"):
                process = self.call(command_name, self.model(name), "--input", wrong, "--against", wrong)
                self.assertEqual(process.returncode, DIFFERENT, process.stdout)
                self.assertIn("DIFFERS", process.stdout)

    # ---- archives ----

    def test_two_programs(self):
        both = self.model("two_programs")
        text = self.ok("info", both, backend=False)
        for words in ("2 programs", "encoder", "sub/decoder", "float32 [2, 3]", "float32 [2, 5]"):
            self.assertIn(words, text)
        objects = json.loads(self.ok("info", both, "--json", backend=False))["programs"]
        self.assertEqual([o["program"] for o in objects], ["encoder", "sub/decoder"])
        self.assertNotIn("encoder", self.ok("info", both, "--program=sub/decoder", backend=False))
        for words in ([], ["--program=model"]):
            why = self.refused([USAGE], both, *words)
            self.assertIn('"encoder", "sub/decoder"', why)
        self.ok(both, "--program=encoder")

    def test_foreign_files(self):
        tensors = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
        files = {
            "ExecuTorch": struct.pack("<I", 28) + b"ET12" + bytes(40),
            "safetensors": struct.pack("<Q", len(tensors)) + tensors + bytes(4),
            "ONNX": b"\x08\x0a\x12\x07pytorch\x1a\x052.1.0:",
            "TensorFlow Lite": struct.pack("<I", 28) + b"TFL3" + bytes(40),
            "GGUF": b"GGUF" + bytes(40),
            "pickle": b"\x80\x04\x95\x10\x00\x00\x00\x00\x00\x00\x00}.",
            "gzip": b"\x1f\x8b\x08\x00" + bytes(20),
            "git lfs pull": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
            "web page": b"\n<!DOCTYPE HTML><html></html>",
            "empty": b"",
        }
        for words, data in files.items():
            with open(self.path("model.pt2"), "wb") as f:
                f.write(data)
            self.assertIn(words, self.refused([BAD_DATA], self.path("model.pt2")))
        zips = {
            "TorchScript": ["net/data.pkl", "net/code/__torch__/net.py", "net/constants.pkl"],
            "ExecuTorch Native": ["program.ptg", "program.safetensors"],
            "torch.save": ["archive/data.pkl", "archive/data/0"],
            "NumPy": ["in_0.npy"],
            "AOTInductor": ["net/archive_format", "net/data/aotinductor/model/x.so"],
        }
        for words, names in zips.items():
            with zipfile.ZipFile(self.path("model.pt2"), "w") as z:
                for name in names:
                    z.writestr(name, "pt2")
            self.assertIn(words, self.refused([BAD_DATA, UNSUPPORTED], self.path("model.pt2")))
        self.assertIn("AOTInductor", self.refused([UNSUPPORTED], self.model("aoti_torch26")))

    # ---- text ----

    def test_control_characters(self):
        evil = "\x1b]0;owned\x07 \u009b31m \u202egnp"
        changed = rewrite(SIMPLE_NET, self.path("evil.pt2"), lambda name, data: (
            name, data.replace(b'"torch_version": "', b'"torch_version": "' + json.dumps(evil)[1:-1].encode())
            if "/models/" in name else data))
        for words in (["info", changed], ["plan", changed], ["info", changed, "--json"], ["plan", changed, "--json"]):
            raw = subprocess.run(self.device.command(self.pt2gpu, *words), capture_output=True,
                                 env=self.device.environment()).stdout
            self.assertTrue(raw)
            text = raw.decode("utf-8")
            self.assertFalse([c for c in text if c in evil and not c.isascii() or c in "\x1b\x07"], repr(text[:200]))
        self.assertIn("owned", self.ok("info", changed, backend=False))

    def test_json_of_odd_paths(self):
        path = os.fsencode(self.folder) + b"/\xff\x1b.pt2"
        with open(path, "wb") as f, open(SIMPLE_NET, "rb") as source:
            f.write(source.read())
        raw = subprocess.run([self.pt2gpu, "info", path, "--json"], capture_output=True).stdout
        self.assertIn("\ufffd", json.loads(raw.decode("utf-8"))["path"])


if __name__ == "__main__":
    command.main(Inputs, __doc__)
