#!/usr/bin/env python3
"""How far the live figures of a campaign are behind, beside a daemon's full load.

Usage: live.py GEOFENCED LOADTEST [--dense] [ARGUMENTS OF LOADTEST]

Runs loadtest's scenario `swap.toml`, without its own swaps, against a daemon that has another account with a running
campaign. Meanwhile a new device of that account enters its fence again and again, and the campaign's stream of figures is
followed: what counts is the time from the answer to the ping, which is synced then, to the event that counts its job. The
stream looks for changes once a second. Prints loadtest's figures and the quantiles. With `--dense` forty campaigns are
at all fences, so that nearly every ping inside one brings a job for some forty minutes.
"""

import http.client
import json
import sys
import threading
import time
import uuid

from edits import beside, checked
from publication import campaign_of

# A circle far from the scenario's town.
LAT, LON = 35.1587, 129.1604


def main(program, loadtest, more):
    change = dense if more[:1] == ["--dense"] else lambda campaigns: campaigns
    more = more[change is dense:]
    meanwhile = lambda api, _small, driving: followed(api, driving)
    took, figures = beside(meanwhile, (program, loadtest), 1000, more, change)
    # That the other account's jobs are not expected is known.
    checked(figures, ("missing", "repeated"))
    print(json.dumps(figures))
    took.sort()
    quantile = lambda share: took[min(len(took) - 1, int(share * len(took)))]
    print(f"{len(took)} jobs in the live figures after: median {quantile(0.5):.2f} s, p99 {quantile(0.99):.2f} s, most {took[-1]:.2f} s")


def dense(campaigns):
    """The first campaign forty times in place of all: at each ping one of them has its turn."""
    return [campaigns[0] | {"id": number, "name": f"campaign {number}"} for number in range(1, 41)]


def followed(api, driving):
    """The times until the figures had each of the jobs that were caused meanwhile, s."""
    app = api("GET", "/v1/apps")["items"][0]["id"]
    shape = {"type": "circle", "lat": LAT, "lon": LON, "radius_m": 300}
    fence = api("POST", "/v1/geofences", {"name": "Watched", "shape": shape})["id"]
    campaign = api("POST", "/v1/campaigns", campaign_of(1000, app, {"geofences": [fence]}))["id"]
    changed = api("PUT", f"/v1/campaigns/{campaign}/state", {"state": "running"})
    api("GET", f"/v1/account?wait_epoch={changed['epoch']}")
    seen, has_more = [], threading.Condition()

    def read_stream():
        stream = http.client.HTTPConnection(api.connection.host, api.connection.port, timeout=600)
        stream.request("GET", f"/v1/campaigns/{campaign}/figures/stream", headers=api.headers)
        for line in stream.getresponse():
            if line.startswith(b"data:"):
                with has_more:
                    seen.append((json.loads(line[5:])["total"]["jobs"], time.monotonic()))
                    has_more.notify()

    threading.Thread(target=read_stream, daemon=True).start()
    took = []
    while driving.poll() is None:
        ping = {"device": str(uuid.uuid4()), "lat": LAT, "lon": LON, "accuracy_m": 10, "platform": "android"}
        # Not before a snapshot with the account is in force: loadtest's own may have taken the number of ours.
        while not api("POST", "/v1/pings", {"app": app, "pings": [ping]})["evaluated"]:
            time.sleep(0.1)
        sent, wanted = time.monotonic(), len(took) + 1
        with has_more:
            if not has_more.wait_for(lambda: seen and seen[-1][0] >= wanted, timeout=60):
                raise SystemExit(f"the figures had not {wanted} jobs within a minute: {seen[-3:]}")
            took.append(seen[-1][1] - sent)
        # At any time within the second that the stream looks once in.
        time.sleep(0.01 * (37 * wanted % 100))
    return took


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3:])
