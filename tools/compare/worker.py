#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""One peer on one network, in the manner of `pt2gpu bench --serve`.

    worker.py PEER NETWORK FOLDER TARGET [--prepare]      TARGET: cpu, vulkan or opencl

Prints one object when it is ready, then for each line on standard input, a number of runs, one object with their
times. A run goes from NumPy arrays to NumPy arrays. --prepare converts the network for the peer and prints how long it took."""
import json
import os
import re
import subprocess
import sys
import time

import numpy as np


class Peer:
    """convert() writes files beside the network; load() reads them; run() takes and gives arrays."""

    def __init__(self, name, folder, target):
        self.name, self.target, self.note = name, target, ""
        self.path = os.path.join(folder, name)

    def arrays(self, prefix):
        with np.load(self.path + ".npz") as z:
            return [z[k] for k in sorted((k for k in z if k.startswith(prefix)), key=lambda k: int(k.split("_")[1]))]

    def network(self):
        import models
        return models.make(self.name)

    def convert(self):
        pass


class Torch(Peer):
    compiled = False

    def load(self):
        import torch
        network, _ = self.network()
        self.torch, self.call = torch, torch.compile(network) if self.compiled else network

    def run(self, arrays):
        with self.torch.inference_mode():
            out = self.call(*[self.torch.from_numpy(x) for x in arrays])
        return [o.numpy() for o in (out if isinstance(out, (tuple, list)) else [out])]


class TorchCompile(Torch):
    compiled = True


class Onnx(Peer):
    """Those that read ONNX."""

    def convert(self):
        if os.path.exists(self.path + ".onnx"):
            return
        import torch
        network, inputs = self.network()
        torch.onnx.export(network, inputs, self.path + ".tmp.onnx", dynamo=True, verbose=False, external_data=False)
        os.replace(self.path + ".tmp.onnx", self.path + ".onnx")


class OnnxRuntime(Onnx):
    def load(self):
        import onnxruntime
        self.session = onnxruntime.InferenceSession(self.path + ".onnx", providers=["CPUExecutionProvider"])
        self.inputs = [i.name for i in self.session.get_inputs()]

    def run(self, arrays):
        return self.session.run(None, dict(zip(self.inputs, arrays)))


class OpenVino(Onnx):
    def load(self):
        import openvino
        core = openvino.Core()
        model = core.compile_model(self.path + ".onnx", "CPU", {"INFERENCE_PRECISION_HINT": "f32",
                                                                "PERFORMANCE_HINT": "LATENCY"})
        self.request, self.outputs = model.create_infer_request(), len(model.outputs)

    def run(self, arrays):
        self.request.infer(arrays)
        return [self.request.get_output_tensor(k).data.copy() for k in range(self.outputs)]


class Tinygrad(Onnx):
    def load(self):
        os.environ["DEV"] = os.environ.get("DEV") or ("CL" if self.target == "opencl" else "CPU")
        from tinygrad import Tensor, TinyJit
        from tinygrad.nn.onnx import OnnxRunner
        runner = OnnxRunner(self.path + ".onnx")
        names = list(runner.graph_inputs)
        self.tensor = Tensor
        self.call = TinyJit(lambda *xs: [v.contiguous().realize() for v in runner(dict(zip(names, xs))).values()])

    def run(self, arrays):
        return [v.numpy() for v in self.call(*[self.tensor(x).realize() for x in arrays])]


class Ncnn(Peer):
    def convert(self):
        import pnnx
        folder = self.path + ".ncnn"
        if os.path.exists(os.path.join(folder, "m.ncnn.param")):
            return
        network, inputs = self.network()
        os.makedirs(folder, exist_ok=True)
        here = os.getcwd()
        os.chdir(folder)
        try:
            pnnx.export(network, "m.pt", inputs, fp16=False, check_trace=False)
        finally:
            os.chdir(here)
        if not os.path.exists(os.path.join(folder, "m.ncnn.param")):
            raise RuntimeError("pnnx wrote no ncnn network")

    def load(self):
        import ncnn
        folder = self.path + ".ncnn"
        self.ncnn, self.net = ncnn, ncnn.Net()
        self.net.opt.use_vulkan_compute = self.target == "vulkan"
        for option in ("fp16_packed", "fp16_storage", "fp16_arithmetic", "bf16_storage", "bf16_packed"):
            setattr(self.net.opt, "use_" + option, False)
        if self.net.load_param(os.path.join(folder, "m.ncnn.param")) or \
                self.net.load_model(os.path.join(folder, "m.ncnn.bin")):
            raise RuntimeError("ncnn does not load what pnnx wrote")
        with open(os.path.join(folder, "m_ncnn.py")) as f:
            script = f.read()  # says the names, and which arrays have a batch axis that ncnn does without
        self.inputs = self.names(script, r'ex\.input\("([^"]+)"(.*)')
        self.outputs = self.names(script, r'ex\.extract\("([^"]+)"\)(?:.*\n)(.*)')
        if self.target == "vulkan":
            layers = [k for k in self.net.layers() if k.type not in ("Input", "Split", "MemoryData")]
            other = sorted({k.type for k in layers if not k.support_vulkan} - {"ExpandDims", "Flatten", "Reshape"})
            self.note = "on the processor: " + ", ".join(other) if other else ""

    @staticmethod
    def names(script, pattern):
        found = []
        for name, rest in re.findall(pattern, script):
            axis = re.search(r"batch_index=(\d+)", rest)
            found.append((name, {"batch_index": int(axis[1])} if axis else {}))
        return found

    def run(self, arrays):
        extractor = self.net.create_extractor()
        held = [self.ncnn.Mat(np.ascontiguousarray(x.astype(np.int32) if x.dtype.kind in "iu" else x), **how).clone()
                for x, (_, how) in zip(arrays, self.inputs)]
        for mat, (name, _) in zip(held, self.inputs):
            extractor.input(name, mat)
        results = []
        for name, how in self.outputs:
            failed, mat = extractor.extract(name)
            if failed:
                raise RuntimeError(f"ncnn cannot compute {name}")
            results.append(np.array(mat.numpy(**how)))
        return results


class Iree(Peer):
    def file(self):
        return f"{self.path}.{self.target}.vmfb"

    def convert(self):
        if os.path.exists(self.file()):
            return
        import torch
        import iree.turbine.aot as aot
        program = torch.export.load(self.path + ".pt2").run_decompositions()
        text = self.path + ".mlir"
        aot.export(program).save_mlir(text)
        device = ["--iree-hal-target-device=vulkan"] if self.target == "vulkan" else \
            ["--iree-hal-target-device=local", "--iree-hal-local-target-device-backends=llvm-cpu",
             "--iree-llvmcpu-target-cpu=host"]
        done = subprocess.run([os.path.join(os.path.dirname(sys.executable), "iree-compile"), text, *device,
                               "--iree-opt-level=O2", "-o", self.file() + ".tmp"], capture_output=True, text=True)
        if done.returncode:
            raise RuntimeError("iree-compile: " + done.stderr[:300])
        os.replace(self.file() + ".tmp", self.file())

    def load(self):
        import iree.runtime as runtime
        config = runtime.Config("vulkan" if self.target == "vulkan" else "local-task")
        context = runtime.SystemContext(config=config)
        context.add_vm_module(runtime.VmModule.mmap(context.instance, self.file()))
        module = next(m for name, m in context.modules.items() if name != "hal")
        self.call, self.device, self.keep = module["main"], config.device, context
        self.runtime = runtime

    def to_host(self, array):
        """Through a buffer that the device and the host both see: Vulkan takes no unaligned host memory."""
        if self.target == "cpu":
            return np.array(array.to_host())
        hal = self.runtime
        view = array._buffer_view
        source, device = view.get_buffer(), self.device
        host = device.allocator.allocate_buffer(
            memory_type=int(hal.MemoryType.HOST_LOCAL | hal.MemoryType.DEVICE_VISIBLE),
            allowed_usage=int(hal.BufferUsage.TRANSFER_TARGET | hal.BufferUsage.MAPPING_SCOPED),
            allocation_size=source.byte_length())
        done = device.create_semaphore(0)
        begin, end = hal.HalFence.create_at(done, 0), hal.HalFence.create_at(done, 1)
        device.queue_copy(source, host, wait_semaphores=begin, signal_semaphores=end)
        end.wait()
        return np.array(host.map().asarray(view.shape, array.dtype))

    def run(self, arrays):
        out = self.call(*arrays)
        return [self.to_host(o) for o in (out if isinstance(out, (tuple, list)) else [out])]


PEERS = {"torch": Torch, "torch-compile": TorchCompile, "onnxruntime": OnnxRuntime, "openvino": OpenVino,
         "tinygrad": Tinygrad, "ncnn": Ncnn, "iree": Iree}


def difference(got, want):
    """Of the largest output; infinity when something is missing or not finite."""
    worst = 0.0 if len(got) >= len(want) else np.inf
    for g, w in zip(got, want):
        g, w = np.asarray(g, np.float64).ravel(), np.asarray(w, np.float64).ravel()
        if g.size != w.size or not np.isfinite(g).all():
            return np.inf
        worst = max(worst, float(np.abs(g - w).max() / max(np.abs(w).max(), 1e-30)))
    return worst


def peak_mb():
    with open("/proc/self/status") as f:
        return next(int(line.split()[1]) / 1024 for line in f if line.startswith("VmHWM"))


def milliseconds(clock, begin):
    return (clock() - begin) * 1e3


def answer(out, **values):
    if values.get("relative") == np.inf:
        values["relative"] = 1e30
    out.write(json.dumps(values) + "\n")
    out.flush()


def serve(peer, out):
    arrays, want = peer.arrays("in_"), peer.arrays("out_")
    begin = time.perf_counter()
    peer.load()
    load = milliseconds(time.perf_counter, begin)
    begin = time.perf_counter()
    got = peer.run(arrays)
    answer(out, load_ms=load, first_ms=milliseconds(time.perf_counter, begin), peak_rss_mb=peak_mb(), note=peer.note,
           relative=difference(got, want))
    for line in sys.stdin:
        wall, cpu = [], []
        for _ in range(int(line)):
            begin, used = time.perf_counter(), time.process_time()
            got = peer.run(arrays)
            wall.append(milliseconds(time.perf_counter, begin))
            cpu.append(milliseconds(time.process_time, used))
        answer(out, ms=wall, cpu_ms=cpu, relative=difference(got, want))


def main():
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries print
    name, network, folder, target = sys.argv[1:5]
    peer = PEERS[name](network, os.path.abspath(folder), target)
    try:
        if "--prepare" in sys.argv:
            begin = time.perf_counter()
            peer.convert()
            answer(out, convert_ms=milliseconds(time.perf_counter, begin))
        else:
            serve(peer, out)
    except BaseException as e:  # also what libraries raise to exit
        answer(out, error=f"{type(e).__name__}: {e}".replace("\n", " ")[:300])
    os._exit(0)  # some drivers crash when they are unloaded


if __name__ == "__main__":
    main()
