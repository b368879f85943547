#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The networks of the comparison: torch alone, but for those that torchvision, timm or transformers define.

    models.py DIR [NAME ...]      writes NAME.pt2 and NAME.npz (inputs in_0 ..., results out_0 ...), where missing

Weights are random, from a fixed seed: speed does not depend on them, and nothing is downloaded."""
import os
import re
import sys

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


def image(size=224):
    return torch.randn(1, 3, size, size)


def tokens(count, vocabulary):
    return torch.randint(0, vocabulary, (1, count))


class SimpleNet(nn.Module):
    """A convolution, a mask that is a buffer, and two heads that do not depend on each other."""

    def __init__(self):
        super().__init__()
        self.conv, self.fc1, self.fc2 = nn.Conv2d(3, 6, 5), nn.Linear(1176, 10), nn.Linear(1176, 10)
        self.register_buffer("mask", (torch.rand(6, 14, 14) > 0.5).float())

    def forward(self, x):
        x = (F.max_pool2d(F.relu(self.conv(x)), 2) * self.mask).flatten(1)
        return F.relu(self.fc1(x)), F.relu(self.fc2(x))


class BasicBlock(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False), nn.BatchNorm2d(outside)
        self.conv2, self.bn2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False), nn.BatchNorm2d(outside)
        self.short = nn.Identity() if inside == outside and stride == 1 else nn.Sequential(
            nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x):
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        return F.relu(y + self.short(x))


def resnet18():
    blocks = [BasicBlock(a, b, s) for a, b, s in ((64, 64, 1), (64, 64, 1), (64, 128, 2), (128, 128, 1),
                                                  (128, 256, 2), (256, 256, 1), (256, 512, 2), (512, 512, 1))]
    return nn.Sequential(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64), nn.ReLU(),
                         nn.MaxPool2d(3, 2, 1), *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 1000))


class UNet(nn.Module):
    """Three levels down and up, with the tensors of the way down concatenated on the way up."""

    def __init__(self, width=32):
        super().__init__()
        w = width
        self.down = nn.ModuleList([self.twice(3, w), self.twice(w, 2 * w), self.twice(2 * w, 4 * w)])
        self.bottom = self.twice(4 * w, 8 * w)
        self.rise = nn.ModuleList([nn.ConvTranspose2d(k * w, k * w // 2, 2, 2) for k in (8, 4, 2)])
        self.up = nn.ModuleList([self.twice(k * w, k * w // 2) for k in (8, 4, 2)])
        self.last = nn.Conv2d(w, 2, 1)

    @staticmethod
    def twice(a, b):
        return nn.Sequential(nn.Conv2d(a, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU(),
                             nn.Conv2d(b, b, 3, padding=1), nn.BatchNorm2d(b), nn.ReLU())

    def forward(self, x):
        kept = []
        for block in self.down:
            x = block(x)
            kept.append(x)
            x = F.max_pool2d(x, 2)
        x = self.bottom(x)
        for rise, block in zip(self.rise, self.up):
            x = block(torch.cat([rise(x), kept.pop()], 1))
        return self.last(x)


class MultiBranch(nn.Module):
    """Four towers of one input that could run at the same time."""

    def __init__(self, width=512, depth=4):
        super().__init__()
        self.towers = nn.ModuleList([nn.Sequential(*[m for _ in range(depth)
                                                     for m in (nn.Linear(width, width), nn.ReLU())])
                                     for _ in range(4)])
        self.head = nn.Linear(4 * width, 16)

    def forward(self, x):
        return self.head(torch.cat([t(x) for t in self.towers], -1))


def dynamic_mlp():
    return nn.Sequential(nn.Linear(64, 128), nn.GELU(), nn.Linear(128, 10))


class Function(nn.Module):
    def __init__(self, fn, part=None):
        super().__init__()
        self.fn, self.part = fn, part

    def forward(self, *args):
        return self.fn(self.part, *args) if self.part is not None else self.fn(*args)


class FirstOutput(nn.Module):
    """A network of transformers, from token numbers to its first tensor."""

    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, ids):
        return self.network(ids, use_cache=False, return_dict=False)[0]


class Last(nn.Module):
    def __init__(self, network):
        super().__init__()
        self.network = network

    def forward(self, ids):
        return self.network(ids, return_dict=False)[0]


_operators = []  # keeps definitions alive


def import_torchvision():
    """timm and transformers import it too. Its compiled operators, which no network here uses, may not fit this torch:
    those that it asks for are then declared, and nothing more."""
    while True:
        try:
            import torchvision
            return torchvision
        except RuntimeError as e:
            missing = re.search(r"operator torchvision::(\w+) does not exist", str(e))
            if not missing or len(_operators) > 50:
                raise
            for module in [m for m in sys.modules if m.split(".")[0] == "torchvision"]:
                del sys.modules[module]
            _operators.append(torch.library.Library("torchvision", "FRAGMENT"))
            _operators[-1].define(missing[1] + "(Tensor x) -> Tensor")


def from_torchvision(name):
    torchvision = import_torchvision()
    return getattr(torchvision.models, name)(weights=None)


def vit_tiny():
    import_torchvision()
    import timm
    return timm.create_model("vit_tiny_patch16_224", pretrained=False)


def bert():
    import_torchvision()
    from transformers import BertConfig, BertModel
    return Last(BertModel(BertConfig(attn_implementation="sdpa"), add_pooling_layer=False))


def gpt2():
    import_torchvision()
    from transformers import GPT2Config, GPT2LMHeadModel
    return FirstOutput(GPT2LMHeadModel(GPT2Config(attn_implementation="sdpa")))


def six_steps(x):
    return ((x * 0.5 + 1.0).relu() * x).sigmoid() - x


R = torch.randn
# name: (network, inputs)
MODELS = {
    "simple_net": (SimpleNet, lambda: (image(32),)),
    "resnet18": (resnet18, lambda: (image(),)),
    "mobilenet_v3_large": (lambda: from_torchvision("mobilenet_v3_large"), lambda: (image(),)),
    "convnext_tiny": (lambda: from_torchvision("convnext_tiny"), lambda: (image(),)),
    "vit_tiny": (vit_tiny, lambda: (image(),)),
    "bert": (bert, lambda: (tokens(128, 30522),)),
    "gpt2": (gpt2, lambda: (tokens(64, 50257),)),
    "unet": (UNet, lambda: (image(128),)),
    "multi_branch": (MultiBranch, lambda: (R(1, 512),)),
    "dynamic_mlp": (dynamic_mlp, lambda: (R(3, 64),)),
    "matmul1024": (lambda: Function(torch.matmul), lambda: (R(1024, 1024), R(1024, 1024))),
    "gemv4096": (lambda: nn.Linear(4096, 4096, bias=False), lambda: (R(1, 4096),)),
    "conv3x3_64": (lambda: nn.Conv2d(64, 64, 3, padding=1), lambda: (R(1, 64, 56, 56),)),
    "dw3x3_144": (lambda: nn.Conv2d(144, 144, 3, padding=1, groups=144), lambda: (R(1, 144, 56, 56),)),
    "softmax1024": (lambda: nn.Softmax(-1), lambda: (R(1024, 1024),)),
    "layernorm": (lambda: nn.LayerNorm(1024), lambda: (R(512, 1024),)),
    "eltwise": (lambda: Function(six_steps), lambda: (R(4 << 20),)),
    "sum4m": (lambda: Function(torch.sum), lambda: (R(4 << 20),)),
    "sdpa512": (lambda: Function(F.scaled_dot_product_attention), lambda: tuple(R(1, 12, 512, 64) for _ in range(3))),
}
DYNAMIC = {"dynamic_mlp": ({0: torch.export.Dim("batch", min=1, max=64)},)}


def make(name):
    """The network and its inputs, the same each time. ImportError: a library is not installed."""
    torch.manual_seed(len(name))
    network, inputs = MODELS[name]
    return network().eval(), inputs()


def outputs(network, inputs):
    with torch.no_grad():
        out = network(*inputs)
    return [o.numpy() for o in (out if isinstance(out, (tuple, list)) else [out])]


def export(name, folder):
    network, inputs = make(name)
    path = os.path.join(folder, name)
    program = torch.export.export(network, inputs, dynamic_shapes=DYNAMIC.get(name))
    arrays = {f"in_{k}": x.numpy() for k, x in enumerate(inputs)}
    arrays.update({f"out_{k}": x for k, x in enumerate(outputs(network, inputs))})
    np.savez(path + ".npz", **arrays)
    torch.export.save(program, path + ".tmp.pt2")
    os.replace(path + ".tmp.pt2", path + ".pt2")


def main():
    folder, names = sys.argv[1], sys.argv[2:] or list(MODELS)
    os.makedirs(folder, exist_ok=True)
    for name in names:
        if os.path.exists(os.path.join(folder, name + ".pt2")):
            continue
        try:
            export(name, folder)
        except ImportError as e:
            print(f"{name}: left out: {e}", file=sys.stderr)


if __name__ == "__main__":
    main()
