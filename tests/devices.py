#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The devices that the tests run on, by name, and how each one is selected. Nothing else in the tests knows a driver.

    devices.py list [PT2GPU]        names of the devices that this machine has, one a line
    devices.py env NAME             shell lines that select the device
    devices.py exec NAME COMMAND    runs a command with the device selected; {backend} and {number} in its arguments
                                    become the device's, PT2_TEST_BACKEND holds its --backend
    devices.py why NAME             why the device is not there; nothing when it is

Five drivers need no GPU: lavapipe, swiftshader, pocl, intel, rusticl; lavapipe-gpu is lavapipe of a newer Mesa
(tools/mesa.sh). The last two run the kernels of GPUs, in either dialect; lavapipe-gpu has cooperative matrices, too.
`gpu0`, `gpu1`, ... are what else `pt2gpu devices` lists.
PT2_INTEL_OPENCL names the folder that holds libintelocl.so; the default is where tools/test.sh --intel puts it.
"""
import glob
import json
import os
import shlex
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SKIP = 77
LAVAPIPE = "/usr/share/vulkan/icd.d/lvp_icd.*.json"
SWIFTSHADER = "/usr/lib/chromium/vk_swiftshader_icd.json"
POCL = "/etc/OpenCL/vendors/pocl.icd"
RUSTICL = "/etc/OpenCL/vendors/rusticl.icd"
INTEL = os.path.join(ROOT, "build", "intel-opencl")
MESA = os.path.join(ROOT, "build", "mesa")
SOFTWARE = ("llvmpipe", "swiftshader", "pthread", "cpu")


class Device:
    """`backend` is the value for --backend; `options` are others that go with it; `env` is what must be set; `missing`
    says why it cannot be used, or ''; `loader` are words that start programs which use it."""

    def __init__(self, name, backend, env=None, missing="", options=(), loader=()):
        self.name, self.backend, self.env, self.missing, self.options = name, backend, env or {}, missing, options
        self.loader = list(loader)

    def command(self, *words):
        return [*self.loader, *words]

    def environment(self):
        """Kernel caches, ours and the drivers', stay below build/."""
        cache = {"XDG_CACHE_HOME": os.path.join(ROOT, "build", "test-data", "cache")}
        return {**os.environ, **cache, **self.env, "PT2_TEST_BACKEND": self.backend}


def vulkan_driver(name, pattern, package):
    found = glob.glob(pattern)
    if not found:
        return Device(name, "vulkan", missing=f"{pattern} is not there (package {package})")
    return Device(name, "vulkan", {"VK_DRIVER_FILES": found[0], "VK_ICD_FILENAMES": found[0]})


def lavapipe_gpu():
    """The driver needs a newer C library than the system's: programs start with that one."""
    root = os.path.join(MESA, "root", "usr")
    if not os.path.exists(os.path.join(MESA, "done")):
        return Device("lavapipe-gpu", "vulkan", missing=f"{MESA} is not there (tools/mesa.sh makes it)")
    dynamic, = glob.glob(os.path.join(root, "lib64", "ld-linux-*.so.*"))
    libraries, = glob.glob(os.path.join(root, "lib", "*-linux-gnu"))
    manifest = os.path.join(MESA, "lvp.json")
    env = {"VK_DRIVER_FILES": manifest, "VK_ICD_FILENAMES": manifest, "PT2_CLASS": "gpu",
           "VK_LAYER_PATH": os.path.join(MESA, "layers")}
    system = os.path.join("/usr/lib", os.path.basename(libraries))
    return Device("lavapipe-gpu", "vulkan", env, loader=[dynamic, "--library-path", libraries + ":" + system])


def pocl():
    missing = "" if os.path.exists(POCL) else f"{POCL} is not there (package pocl-opencl-icd)"
    return Device("pocl", "opencl", {"OCL_ICD_VENDORS": POCL}, missing)


def rusticl():
    """Mesa's OpenCL. Its compiler is the one that GPUs have there; only the last step is for processors."""
    missing = "" if os.path.exists(RUSTICL) else f"{RUSTICL} is not there (package mesa-opencl-icd)"
    env = {"OCL_ICD_VENDORS": RUSTICL, "RUSTICL_ENABLE": "llvmpipe", "PT2_CLASS": "gpu"}
    return Device("rusticl", "opencl", env, missing)


def intel():
    folder = os.environ.get("PT2_INTEL_OPENCL") or os.path.join(INTEL, "venv", "lib")
    library = os.path.join(folder, "libintelocl.so")
    if not os.path.exists(library):
        return Device("intel", "opencl", missing=f"{library} is not there (tools/test.sh --intel installs it)")
    vendors = os.path.join(INTEL, "vendors")
    os.makedirs(vendors, exist_ok=True)
    with open(os.path.join(vendors, "intel.icd"), "w") as icd:
        icd.write(library + "\n")
    path = ":".join(filter(None, [folder, os.environ.get("LD_LIBRARY_PATH")]))
    return Device("intel", "opencl", {"OCL_ICD_VENDORS": vendors, "LD_LIBRARY_PATH": path})


def spread():
    """Three backends at once, every kernel on the next one: not in the list, since it is no device of its own."""
    parts = [vulkan_driver("lavapipe", LAVAPIPE, "mesa-vulkan-drivers"), pocl()]
    missing = "; ".join(p.missing for p in parts if p.missing)
    return Device("spread", "vulkan,opencl,reference", {**parts[0].env, **parts[1].env}, missing, ["--place=alternate"])


def reference():
    """Of OpenCL's drivers, which `pt2gpu devices` loads all, one that does not leak: sanitizers run on this device."""
    return Device("reference", "reference", {"OCL_ICD_VENDORS": POCL})


def known():
    return [
        reference(),
        vulkan_driver("lavapipe", LAVAPIPE, "mesa-vulkan-drivers"),
        vulkan_driver("swiftshader", SWIFTSHADER, "chromium-common"),
        pocl(),
        intel(),
        rusticl(),
        lavapipe_gpu(),
    ]


def gpus(pt2gpu):
    """Devices of other drivers, as the command sees them without any selection."""
    text = subprocess.run([pt2gpu, "devices", "--json"], capture_output=True, text=True).stdout
    rows = [r for r in json.loads(text or "[]") if r["backend"] != "reference" and r["kind"] != "cpu"]
    rows = [r for r in rows if not any(word in r["name"].lower() for word in SOFTWARE)]
    return [Device(f"gpu{i}", f"{r['backend']}:{r['number']}") for i, r in enumerate(rows)]


def run(device, words, timeout, env=None, stdin=None):
    """Runs a program on the device: a subprocess.CompletedProcess, with the status -1 after `timeout` seconds.
    On a busy machine Intel's runtime lists no device once in about a thousand starts: then the program starts again."""
    for last in (False, True):
        try:
            process = subprocess.run(device.command(*words), capture_output=True, text=True, errors="replace",
                                     input=stdin, timeout=timeout, env={**device.environment(), **(env or {})})
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(words, -1, "", f"no result after {timeout:.0f} s")
        if last or device.name != "intel" or "no opencl device number 0" not in process.stderr:
            return process


def find(name, pt2gpu=None):
    devices = known() + (gpus(pt2gpu) if name.startswith("gpu") and pt2gpu else [])
    for device in devices + [spread()]:
        if device.name == name:
            return device
    return Device(name, "", missing=f"this machine has no device {name}")


def need(name, pt2gpu=None):
    """The device; without it the test is skipped, or fails if PT2_EXPECT_DEVICES names it."""
    device = find(name, pt2gpu)
    if device.missing:
        expected = name in os.environ.get("PT2_EXPECT_DEVICES", "").replace(",", " ").split()
        print(f"{'FAILED' if expected else 'skipped'}: {name}: {device.missing}")
        sys.exit(1 if expected else SKIP)
    return device


def main():
    if len(sys.argv) < 2 or (sys.argv[1] != "list" and len(sys.argv) < 3):
        sys.exit(__doc__)
    command, rest = sys.argv[1], sys.argv[2:]
    if command == "list":
        devices = known() + (gpus(rest[0]) if rest else [])
        print("\n".join(d.name for d in devices if not d.missing))
    elif command == "why":
        print(find(rest[0]).missing)
    elif command == "env":
        for key, value in need(rest[0]).env.items():
            print(f"export {key}={shlex.quote(value)}")
    elif command == "exec":
        device = need(rest[0], rest[1])
        backend, _, number = device.backend.partition(":")
        words = [w.replace("{backend}", backend).replace("{number}", number or "0") for w in rest[1:]]
        words = device.command(*words)
        os.execvpe(words[0], words, device.environment())
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
