#!/usr/bin/env bash
# The same load on disks that take longer and longer to sync: acks at a rate that every disk takes, and the rate as fast as acks
# allow. Milliseconds as arguments, more than what the machine's own disk takes. Prints a line of JSON for each run.
set -euo pipefail
cd "$(dirname "$0")/.."

cargo build --release --locked -p loadtest
cc -shared -fPIC -o target/slow_disk.so loadtest/slow_disk.c -ldl
for ms in ${*:-0 20 100}; do
    for rate in 100000 0; do
        echo "syncs $ms ms slower, $rate pings/s asked (0: as fast as acks allow)"
        pace=()
        [ "$rate" = 0 ] || pace=(--pings-per-s "$rate")
        SLOW_DISK_MS=$ms LD_PRELOAD=$PWD/target/slow_disk.so target/release/loadtest loadtest/scenarios/swap.toml \
            --swaps-per-s 0 --set paths.minutes=20 --json "${pace[@]}"
    done
done
