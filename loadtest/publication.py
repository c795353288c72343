#!/usr/bin/env python3
"""How long a change of a campaign takes to decide: from its answer to in force on every shard.

Usage: publication.py PROGRAM FENCES EDITS

Starts the program with a catalog of FENCES stores, all watched by a running campaign, and 199 small campaigns beside it.
Then sets one of the small ones to waiting and to running by turns, EDITS times, and waits for each change's epoch. Prints
the quantiles, and how long the import of the stores took. Needs nothing but the standard library.
"""

import http.client
import json
import os
import random
import subprocess
import sys
import tempfile
import time

CAMPAIGNS = 200


class Api:
    """One connection under one token."""

    def __init__(self, address, token):
        self.connection = http.client.HTTPConnection(address, timeout=600)
        self.headers = {"authorization": f"Bearer {token}"}

    def __call__(self, method, path, body=None):
        data = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else None
        answer = self.answer(method, path, data)
        text = answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text) if text else None

    def answer(self, *asked):
        try:
            self.connection.request(*asked, self.headers)
            return self.connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionError):
            # The daemon lets go of a connection that nobody used for a while.
            self.connection.close()
            self.connection.request(*asked, self.headers)
            return self.connection.getresponse()


def main(program, fences, edits):
    with tempfile.TemporaryDirectory() as folder:
        data = f"{folder}/data"
        token = token_of(program, data, 1, ("admin", "campaigns"))
        daemon, _, http = started(program, data, {})
        try:
            measure(Api(http, token), fences, edits)
            status = open(f"/proc/{daemon.pid}/status").read().splitlines()
            print(next(line for line in status if line.startswith("VmHWM")))
        finally:
            daemon.terminate()
            daemon.wait()


def token_of(program, data, account, scopes):
    """A token for all apps of an account of the data directory, which is made where it is missing."""
    os.makedirs(data, exist_ok=True)
    make = [program, "token", "--file", f"{data}/tokens.json", "create", "--name", f"of {account}", "--account", str(account)]
    for scope in scopes:
        make += ["--scope", scope]
    return subprocess.run(make, check=True, capture_output=True, text=True).stdout.strip().splitlines()[-1]


def started(program, data, settings):
    """The daemon's process, and its QUIC and HTTP addresses."""
    settings = {"DAEMON__DATA_DIR": data, "INGEST__LISTEN": "127.0.0.1:0", "ADMIN__LISTEN": "127.0.0.1:0", **settings}
    environment = os.environ | {f"GEOFENCED__{name}": str(value) for name, value in settings.items()}
    with open(f"{data}/../daemon.log", "w") as log:
        daemon = subprocess.Popen([program, "serve"], env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    said = daemon.stdout.readline()
    http = said.split(" http ")[1].split()[0]
    quic = said.split(" quic ")[1].split()[0]
    return daemon, quic.rstrip(","), http


def measure(api, fences, edits):
    small = with_campaigns(api, fences)
    took = []
    for edit in range(edits):
        changed = toggled(api, small, edit)
        answered = time.monotonic()
        api("GET", f"/v1/account?wait_epoch={changed['epoch']}")
        took.append(time.monotonic() - answered)
    took.sort()
    quantile = lambda share: 1000 * took[min(len(took) - 1, int(share * len(took)))]
    print(f"{edits} changes in force after: median {quantile(0.5):.0f} ms, p99 {quantile(0.99):.0f} ms, most {1000 * took[-1]:.0f} ms")


def with_campaigns(api, fences):
    """An account with stores and campaigns, in force: one for all stores, and small ones, whose numbers are given."""
    api("POST", "/v1/accounts", {"name": "Measured", "membership": "premium",
                                 "limits": {"requests_per_min": 1_000_000, "uploads_per_day": 1000}})
    app = api("POST", "/v1/apps", {"name": "A", "package": "kr.example", "platform": "android"})["id"]
    print(f"{fences} stores imported in {imported(api, fences):.1f} s", file=sys.stderr)
    brand = api("GET", "/v1/brands?search=All")["items"][0]["id"]
    small = []
    for number in range(CAMPAIGNS):
        stores = {"brands": [brand]} if number == 0 else {"places": [number]}
        campaign = api("POST", "/v1/campaigns", campaign_of(number, app, stores))["id"]
        changed = api("PUT", f"/v1/campaigns/{campaign}/state", {"state": "running"})
        small.append(campaign)
    api("GET", f"/v1/account?wait_epoch={changed['epoch']}")
    return small[1:]


def toggled(api, small, edit):
    """Sets one of the small campaigns to waiting, or to running again."""
    state = "waiting" if edit % 2 == 0 else "running"
    return api("PUT", f"/v1/campaigns/{small[edit // 2 % len(small)]}/state", {"state": state})


def imported(api, fences):
    lots = random.Random(1)
    rows = ["store code,name,brand,category,latitude,longitude,signal radius m"]
    for number in range(fences):
        lat, lon = lots.uniform(34, 38), lots.uniform(126, 129)
        rows.append(f"s{number},Store {number},All,A>B>C,{lat:.6f},{lon:.6f},100")
    began = time.monotonic()
    sent = api("POST", "/v1/imports?of=places&file=places.csv", "\n".join(rows).encode())
    while True:
        state = api("GET", f"/v1/imports/{sent['id']}")
        if state["state"] != "checking":
            break
        time.sleep(0.2)
    if state["state"] != "usable":
        raise SystemExit(f"the import ended as {state}")
    return time.monotonic() - began


def campaign_of(number, app, stores):
    return {"name": f"Campaign {number}", "apps": [app], "locations": [{"general": stores}], "trigger": {"on": "enter"},
            "start": "2026-01-01", "end": "2099-12-31",
            "windows": [{"days": ["mon", "tue", "wed", "thu", "fri", "sat", "sun"], "start": "00:00", "end": "24:00"}],
            "frequency": "once_per_day", "message_type": "none"}


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
