#!/bin/sh
# SPDX-License-Identifier: MIT
# Unpacks, below build/mesa, the Vulkan driver for processors of a newer Mesa than Debian 12 has, with the libraries that
# it needs, its C library among them: it has cooperative matrices. Nothing is installed; root is not needed.
#     tools/mesa.sh
# tests/devices.py runs the command on it as the device lavapipe-gpu. The packages come from the mirror that apt uses.
set -eu
cd "$(dirname "$0")/.."
folder=$PWD/build/mesa
suites="trixie trixie-backports"
keys=/usr/share/keyrings/debian-archive-keyring.gpg
[ ! -e "$folder/done" ] || exit 0

die()
{
    echo "tools/mesa.sh: $*" >&2
    exit 1
}

command -v apt-get >/dev/null && [ -e $keys ] || die "this is no Debian"
mirror=$(apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(LABEL)' 'Created-By: Packages' |
    awk '$2 == "Debian" && $3 == "Debian" { print $1; exit }')
[ -n "$mirror" ] || die "apt knows no mirror of Debian; run apt-get update"

rm -rf "$folder"
mkdir -p "$folder/state/lists/partial" "$folder/cache/archives/partial" "$folder/none"
: >"$folder/state/status"
for suite in $suites; do
    echo "deb [signed-by=$keys] $mirror $suite main"
done >"$folder/sources.list"
cat >"$folder/apt.conf" <<EOF
Dir::State "$folder/state/";
Dir::State::status "$folder/state/status";
Dir::Cache "$folder/cache/";
Dir::Etc::sourcelist "$folder/sources.list";
Dir::Etc::sourceparts "$folder/none";
Dir::Etc::preferencesparts "$folder/none";
Dir::Etc::parts "$folder/none";
APT::Install-Recommends "false";
APT::Sandbox::User "root";
Acquire::Retries "3";
EOF
export APT_CONFIG="$folder/apt.conf"
if ! { apt-get update && apt-get install -y --download-only -t "${suites##* }" mesa-vulkan-drivers \
    vulkan-validationlayers; } >"$folder/log" 2>&1; then
    tail -3 "$folder/log" >&2
    die "apt could not download them; all of its output is in $folder/log"
fi
for package in "$folder"/cache/archives/*.deb; do
    dpkg-deb -x "$package" "$folder/root"
done
rm -rf "$folder/cache" "$folder/state"

# Its manifests name libraries that the system does not look for there.
for library in "$folder"/root/usr/lib/*/libvulkan_lvp.so "$folder"/root/usr/lib/*/libVkLayer_khronos_validation.so; do
    [ -e "$library" ] || die "$library is not in the packages"
done
manifest()
{
    sed 's#"library_path": "[^"]*"#"library_path": "'"$2"'"#' "$1" >"$folder/$3"
}
mkdir -p "$folder/layers"
manifest "$folder"/root/usr/share/vulkan/icd.d/lvp_icd*.json "$(echo "$folder"/root/usr/lib/*/libvulkan_lvp.so)" lvp.json
manifest "$folder"/root/usr/share/vulkan/explicit_layer.d/VkLayer_khronos_validation.json "$library" layers/validation.json
touch "$folder/done"
