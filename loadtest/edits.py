#!/usr/bin/env python3
"""How much of its rate a daemon keeps while campaigns are changed through the API.

Usage: edits.py GEOFENCED LOADTEST STORES EDITS_PER_S [ARGUMENTS OF LOADTEST]

Runs loadtest's scenario `swap.toml`, without its own swaps, against a daemon that has another account with a catalog of
STORES stores and 200 running campaigns: once undisturbed, and once while campaigns of that account are set to waiting and
to running by turns, EDITS_PER_S times a second; three times each, by turns. Prints a line of figures for each run, and the
ratio of the two middle rates.
"""

import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from publication import Api, started, toggled, token_of, with_campaigns

SCENARIOS = pathlib.Path(__file__).parent / "scenarios"
# The catalog gives its own account the number 1.
DRIVEN = 7
# Runs of each kind: a noisy machine makes one of each say little.
ROUNDS = 3


def main(program, loadtest, stores, edits_per_s, more):
    rates = {0: [], edits_per_s: []}
    for edits_wanted in [0, edits_per_s] * ROUNDS:
        meanwhile = lambda api, small, driving: edited(api, small, edits_wanted, driving)
        edits, figures = beside(meanwhile, (program, loadtest), stores, more)
        # Jobs that a change's epoch decided are none that loadtest expects; that none is lost or twice, it tells all the same.
        checked(figures, ("missing", "repeated") if edits else ("missing", "repeated", "unexpected"))
        print(json.dumps({"edits": edits, **figures}), flush=True)
        rates[edits_wanted].append(figures["pings_per_s"])
    ratio = statistics.median(rates[edits_per_s]) / statistics.median(rates[0])
    print(f"{ratio:.3f} of the undisturbed rate")


def checked(figures, wrong):
    if any(figures[name] for name in wrong):
        raise SystemExit(f"loadtest says {figures}")


def beside(meanwhile, programs, stores, more, change=lambda campaigns: campaigns):
    """What `meanwhile` gives for the API of an account with a catalog, its small campaigns and loadtest's process, which
    drives another account of the same daemon; and loadtest's figures. `change` makes other campaigns of that account's."""
    program, loadtest = programs
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        data = folder / "data"
        marketer = token_of(program, data, 1, ("admin", "campaigns", "ingest"))
        driver = token_of(program, data, DRIVEN, ("admin", "ingest", "queue"))
        daemon, quic, http = started(program, data, {"POLICY__CLOCK": "fixes"})
        try:
            api = Api(http, marketer)
            small = with_campaigns(api, stores)
            command = [loadtest, scenario(folder, change), "--swaps-per-s", "0", "--json", "--addr", quic, "--http", http,
                       "--data-dir", data, "--pid", str(daemon.pid), *more]
            environment = os.environ | {"GEOFENCED_TOKEN": driver}
            driving = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
            try:
                # Its snapshot is in force once pings come; before, a change could take its number.
                while driving.poll() is None and not pinged(http):
                    time.sleep(0.05)
                seen = meanwhile(api, small, driving)
                return seen, json.loads(driving.stdout.read())
            finally:
                driving.kill()
                driving.wait()
        finally:
            daemon.terminate()
            daemon.wait()


def scenario(folder, change):
    """The scenario for an account that the catalog does not have, on the day of today: a change compiles schedules from
    then on."""
    today = datetime.datetime.now(datetime.timezone(datetime.timedelta(hours=9))).date()
    days = {"2026-03-02": str(today), "2026-03-31": str(today + datetime.timedelta(days=29))}

    def of_today(name):
        text = (SCENARIOS / name).read_text()
        for day, then in days.items():
            text = text.replace(day, then)
        return text

    campaigns = json.loads(of_today("town.campaigns.json"))
    for account in campaigns["accounts"]:
        account["id"] = DRIVEN
    campaigns["campaigns"] = change(campaigns["campaigns"])
    for campaign in campaigns["campaigns"]:
        campaign["account"] = DRIVEN
    (folder / "town.campaigns.json").write_text(json.dumps(campaigns))
    copy = folder / "swap.toml"
    copy.write_text(of_today("swap.toml"))
    return copy


def pinged(http):
    with urllib.request.urlopen(f"http://{http}/metrics") as scraped:
        return any(line.startswith("geofenced_pings_received_total") and not line.endswith(" 0")
                   for line in scraped.read().decode().splitlines())


def edited(api, small, edits_per_s, driving):
    """Changes campaigns at an even pace for as long as loadtest drives."""
    begun, edits = time.monotonic(), 0
    while driving.poll() is None:
        if edits < (time.monotonic() - begun) * edits_per_s:
            toggled(api, small, edits)
            edits += 1
        else:
            time.sleep(0.01)
    return edits


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4]), sys.argv[5:])
