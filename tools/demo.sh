#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is needed, builds, and runs SimpleNet from its .pt2 file on the best device of this machine, next to the
# results that PyTorch stored. Where there is no device, lavapipe is installed: Vulkan on the processor.
set -eu
cd "$(dirname "$0")/.."
tools/setup.sh
tools/build.sh default --target pt2gpu-command
if ! build/pt2gpu devices | grep -qv ' reference:'; then
    tools/setup.sh mesa-vulkan-drivers
fi
echo "\$ build/pt2gpu tests/data/simple_net.pt2 --input tests/data/simple_net.npz --against tests/data/simple_net.npz"
build/pt2gpu tests/data/simple_net.pt2 --input tests/data/simple_net.npz --against tests/data/simple_net.npz
