#!/usr/bin/env python3
"""Measures how rate, latency and memory change with shards, fences and devices, and writes both into
docs/benchmarks.md, between its markers, and docs/benchmarks-growth.svg. Run by `make bench-report`; needs `make sets`.
Fails at the first run that fails or whose jobs are not what they have to be, and writes nothing then; so does a
build meanwhile, since a load test starts its own program again to replay the journal.
"""

import datetime
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = "target/release/loadtest"
PAGE = ROOT / "docs" / "benchmarks.md"
PLOT = ROOT / "docs" / "benchmarks-growth.svg"
BEGIN, END = "<!-- growth: begin, made by `make bench-report` -->", "<!-- growth: end -->"

# The share of the full rate at which latency is measured.
PACED = 0.7


def scenario(name, **settings):
    sets = [f"--set {key.replace('__', '.')}={value}" for key, value in settings.items()]
    return " ".join([PROGRAM, f"loadtest/scenarios/{name}.toml", *sets, "--json"])


def fence_set(name):
    files = f"../../target/sets/{name}"
    return scenario("sets", fences=f"{files}/fences.geojson", pings=f"{files}/pings.csv")


# What grows: its name, its values, and the command of each.
SHARDS = ("shards", {
    count: scenario("swap", drive__swaps_per_s=0, paths__minutes=40, config__shard__shards=count)
    for count in (1, 2)})
FENCES = ("fences", {10_000: fence_set("w1"), 100_000: fence_set("w2"), 1_000_000: fence_set("w3")})
DEVICES = ("devices", {
    count: scenario("devices", paths__devices=count, paths__minutes=minutes)
    for count, minutes in ((10_000, 100), (100_000, 10), (1_000_000, 2), (10_000_000, 1))})


def run(command):
    print(command, file=sys.stderr, flush=True)
    done = subprocess.run(command.split(), cwd=ROOT, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"exit code {done.returncode} from: {command}")
    print(done.stdout, file=sys.stderr, flush=True)
    figures = json.loads(done.stdout)
    wrong = [key for key in ("missing", "repeated", "unexpected") if figures[key] != 0]
    if wrong or figures["pings_acked"] != figures["pings_sent"] or not figures["journal_checked"]:
        sys.exit(f"not what it has to be ({', '.join(wrong)}): {figures}\n{command}")
    return figures


def measure(grows):
    """Each value's full run and a paced one after it; devices only fill memory, and get no second run."""
    for value, command in grows[1].items():
        full = run(command)
        pace = int(full["pings_per_s"] * PACED)
        yield value, command, full, None if grows is DEVICES else run(f"{command} --pings-per-s {pace}")


def table(name, rows):
    yield f"| {name} | pings/s, full | paced at 70 %: ack p50, ms | p99, ms | bare sync p99, ms | daemon, MB | command |"
    yield "|---|---|---|---|---|---|---|"
    for value, command, full, paced in rows:
        latency = " | | "
        if paced:
            latency = f"{paced['ack_p50_ms']:.2f} | {paced['ack_p99_ms']:.1f} | {paced['bare_sync_p99_ms']:.2f}"
        yield f"| {value:,} | {full['pings_per_s']:,.0f} | {latency} | {full['daemon_rss_mb']:,.0f} | `{command}` |"


def bytes_a_device(rows):
    """From the smallest table to each: what the daemon took more, over the devices more."""
    (base, _, first, _), *others = rows
    for value, _, full, _ in others:
        yield value, (full["daemon_rss_mb"] - first["daemon_rss_mb"]) * 1e6 / (value - base)


def svg(panels):
    """Bars of the full rate, a panel for each thing that grows."""
    width, height, bar, gap = 760, 230, 44, 12
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
             'font-size="11">', f'<rect width="{width}" height="{height}" fill="#fff"/>']
    most = max(full["pings_per_s"] for _, rows in panels for _, _, full, _ in rows)
    left = 24
    for name, rows in panels:
        parts.append(f'<text x="{left}" y="18" font-size="13">pings/s by {name}</text>')
        for place, (value, _, full, _) in enumerate(rows):
            tall = full["pings_per_s"] / most * 150
            x, y = left + place * (bar + gap), 195 - tall
            parts.append(f'<rect x="{x}" y="{y:.1f}" width="{bar}" height="{tall:.1f}" fill="#36c"/>')
            label = '<text x="{}" y="{:.1f}" text-anchor="middle">{}</text>'
            parts.append(label.format(x + bar // 2, y - 4, f"{full['pings_per_s'] / 1000:,.0f} k"))
            parts.append(label.format(x + bar // 2, 210, short(value)))
        left += max(len(rows), 3) * (bar + gap) + 48
    return "\n".join([*parts, "</svg>", ""])


def short(value):
    for unit, letter in ((1_000_000, " M"), (1000, " k")):
        if value >= unit:
            return f"{value // unit}{letter}"
    return str(value)


def section(panels, commit):
    yield (f"Commit {commit}, {datetime.date.today()}, {os.cpu_count()} processors, which generator and daemon share. "
           "*Full* is as fast as acks allow; the latency is that of a second run, an open loop at 70 % of that rate "
           "(`--pings-per-s`).")
    yield from ("", "![Pings a second by shards, fences and devices](benchmarks-growth.svg)")
    for name, rows in panels:
        yield ""
        yield from table(name, rows)
    added = ", ".join(f"{each:,.0f} at {value:,}" for value, each in bytes_a_device(panels[-1][1]))
    yield from ("", f"Peak memory a device, over that of the smallest run: {added} bytes, with what waited in queues then.")


def main():
    before, rest = PAGE.read_text().split(BEGIN)
    after = rest.split(END)[1]
    commit = subprocess.run(["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=True, capture_output=True, text=True)
    panels = [(grows[0], list(measure(grows))) for grows in (SHARDS, FENCES, DEVICES)]
    lines = section(panels, commit.stdout.strip())
    PAGE.write_text(f"{before}{BEGIN}\n\n" + "\n".join(lines) + f"\n\n{END}{after}")
    PLOT.write_text(svg(panels))


if __name__ == "__main__":
    main()
