#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs what is needed, builds, and runs SimpleNet from its .pt2 file on the best device of this machine, next to the
# results that PyTorch stored, and on Vulkan. Where there is no Vulkan device, lavapipe is installed: Vulkan on the
# processor.
set -eu
cd "$(dirname "$0")/.."
tools/setup.sh
tools/build.sh default --target pt2gpu-command
if ! build/pt2gpu devices | grep -q ' vulkan:'; then
    tools/setup.sh mesa-vulkan-drivers
fi

# show [OPTION...]: the command as a user types it, and what it prints
show()
{
    echo "\$ build/pt2gpu tests/data/simple_net.pt2 --against tests/data/simple_net.npz $*"
    build/pt2gpu tests/data/simple_net.pt2 --against tests/data/simple_net.npz "$@"
}
case $(build/pt2gpu tests/data/simple_net.pt2 | head -n 1) in
    *vulkan:*) ;;
    *) show ;; # the best device, where that is not a Vulkan one
esac
show --backend=vulkan
