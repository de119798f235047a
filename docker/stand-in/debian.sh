#!/bin/sh
# Makes DIR/debian.tar, a minimal Debian 12: as root, in a separate mount namespace (`unshare --mount`).
set -eu
dir=$1
mkdir "$dir/memory"
# In memory if possible: dpkg waits for the disk after each file.
mount -t tmpfs -o size=700m,mode=755 cdc-lab-debian "$dir/memory" || true
root=$dir/memory/root
debootstrap --variant=minbase bookworm "$root" >"$dir/log" 2>&1 || {
  tail -n 20 "$dir/log" >&2
  exit 1
}
rm -rf "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*
tar -C "$root" --one-file-system -c . >"$dir/debian.tar"
