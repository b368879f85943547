#!/bin/sh
# SPDX-License-Identifier: MIT
# Installs peers for compare.py into build/peers, one Python environment for each group (they need different versions
# of the same packages):  setup.sh [torch] [onnx] [iree]      default: all
set -eu
cd "$(dirname "$0")/../.."
home=$PWD/build/peers
mkdir -p "$home"

make() # name package...
{
    [ -e "$home/$1" ] || python3 -m venv "$home/$1"
    site=$("$home/$1/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
    [ "$1" = torch ] || echo "$base" >"$site/torch.pth" # they read torch from its own environment
    group_name=$1
    shift
    "$home/$group_name/bin/pip" install --quiet "$@"
}

wanted=${*:-torch onnx iree}
base=
case " $wanted " in
*" torch "*) make torch torch numpy torchvision timm transformers ;;
*) [ -e "$home/torch" ] || { echo "setup.sh: the others read PyTorch from the group torch" >&2; exit 2; } ;;
esac
base=$("$home/torch/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
for group in $wanted; do
    case $group in
    torch) ;;
    onnx) make onnx onnxruntime onnx onnxscript openvino tinygrad ncnn pnnx ;;
    iree) make iree iree-base-compiler iree-base-runtime iree-turbine ;;
    *) echo "setup.sh: unknown group $group: torch, onnx, iree" >&2; exit 2 ;;
    esac
done
