# SPDX-License-Identifier: MIT
"""What the tests of the pt2gpu command share: calling it on one device, and their main program."""
import argparse
import os
import shutil
import sys
import tempfile
import unittest

TESTS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, TESTS)
import devices
from unpack import unpack

try:
    import numpy as np
except ImportError:
    print("skipped: this Python has no numpy (package python3-numpy)")
    sys.exit(devices.SKIP)

DATA = os.path.join(TESTS, "data")
SIMPLE_NET = os.path.join(DATA, "simple_net.pt2")
GOLDEN = os.path.join(DATA, "simple_net.npz")
DONE, BAD_DATA, USAGE, UNSUPPORTED, DIFFERENT, DEVICE = range(6)


class Command(unittest.TestCase):
    pt2gpu, device, fixtures, checks = "", None, "", ""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="pt2gpu-")
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, name):
        return os.path.join(self.folder, name)

    def call(self, *args, backend=True, stdin=None, env=None):
        words = [self.pt2gpu, *args, *(["--backend=" + self.device.backend] if backend else [])]
        return devices.run(self.device, words, 300, env, stdin)

    def ok(self, *args, **more):
        process = self.call(*args, **more)
        self.assertEqual(process.returncode, DONE, process.stderr)
        self.assertEqual(process.stderr, "")
        return process.stdout

    def refused(self, statuses, *args, **more):
        """Exit status, one line that says why, and no output file."""
        out = self.path("refused.npz")
        args = (*args, "--output=" + out) if args[0].endswith(".pt2") else args
        process = self.call(*args, **more)
        self.assertIn(process.returncode, statuses, f"{args}: {process.stdout} {process.stderr}")
        self.assertTrue(process.stderr.startswith("pt2gpu: "), process.stderr)
        self.assertEqual(len(process.stderr.splitlines()), 1, process.stderr)
        self.assertEqual([f for f in os.listdir(self.folder) if f.startswith("refused")], [])
        return process.stderr

    def save(self, name, **arrays):
        np.savez(self.path(name), **arrays)
        return self.path(name)

    def fixture(self, name):
        return os.path.join(self.fixtures, "torch-2.13.0", name + ".pt2")


def main(suite_class, doc):
    parser = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pt2gpu")
    parser.add_argument("--device", default="reference")
    parser.add_argument("--jobs", help="taken for likeness with the other suites; the tests run one by one")
    parser.add_argument("--work", help="folder for unpacked archives (default: beside the command)")
    parser.add_argument("tests", nargs="*")
    a = parser.parse_args()
    Command.device = devices.need(a.device, a.pt2gpu)
    Command.pt2gpu = os.path.abspath(a.pt2gpu)
    work = a.work or os.path.join(os.path.dirname(Command.pt2gpu), "test-data")
    for name in ("fixtures", "checks"):
        setattr(Command, name, unpack(os.path.join(DATA, name + ".tar.xz"), os.path.join(work, name)))
    loader = unittest.defaultTestLoader
    suite = loader.loadTestsFromNames(a.tests, suite_class) if a.tests else loader.loadTestsFromTestCase(suite_class)
    sys.exit(0 if unittest.TextTestRunner(verbosity=1).run(suite).wasSuccessful() else 1)
