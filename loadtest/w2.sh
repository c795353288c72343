#!/usr/bin/env bash
# End to end beside evaluation alone: the same pings, fences and 200 campaigns (fence i belongs to campaign i mod 200,
# once a day) through the offline engine on one thread, then over QUIC through a daemon, as fast as acks allow and, with the
# first 15 s counted apart, at 70 % of that. Needs `make sets` and python3. Prints the three lines of JSON and the ratio of the first two rates.
set -euo pipefail
cd "$(dirname "$0")/.."

set=${1:-w2}
shards=${2:-2}
sets=target/sets/$set
[ -e "$sets/done" ] || { echo "$sets is not there; run make sets"; exit 1; }

python3 - "$sets" "$shards" <<'END'
import json, sys
folder, shards = sys.argv[1:]
keys = [str(one["properties"]["id"]) for one in json.load(open(f"{folder}/fences.geojson"))["features"]]
days = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
campaign = lambda nth: {
    "id": nth + 1, "name": f"campaign {nth}", "mode": "running", "targets": keys[nth::200],
    "trigger": {"on": "enter"}, "start": "2025-10-01", "end": "2025-10-31", "frequency": "once_per_day",
    "windows": [{"days": days, "start": "00:00", "end": "24:00"}], "messages": [{"title": "t", "body": "b"}]}
app = {"id": 1, "package": "com.example", "platform": "android"}
account = {"id": 1, "name": "w2", "time_zone": "Asia/Seoul", "apps": [app]}
with open(f"{folder}/campaigns.json", "w") as file:
    json.dump({"accounts": [account], "campaigns": [campaign(nth) for nth in range(200)]}, file)
with open(f"{folder}/scenario.toml", "w") as file:
    file.write(f"""campaigns = "campaigns.json"
fences = "fences.geojson"
pings = "pings.csv"
valid_from = ["2025-10-08"]
[drive]
streams = 8
frame_pings = 60
[config.shard]
shards = {shards}
""")
END

cargo build --release --locked -p loadtest
alone=$(target/release/loadtest replay --fences "$sets/fences.geojson" --pings "$sets/pings.csv" \
    --campaigns "$sets/campaigns.json" --valid-from 2025-10-08)
echo "$alone"
through=$(target/release/loadtest "$sets/scenario.toml" --json)
echo "$through"
pace=$(python3 -c 'import json, sys; print(int(json.loads(sys.argv[1])["pings_per_s"] * 0.7))' "$through")
target/release/loadtest "$sets/scenario.toml" --json --pings-per-s "$pace" --set drive.warm_up_s=15
python3 -c 'import json, sys
alone, through = (json.loads(line)["pings_per_s"] for line in sys.argv[1:])
print(f"end to end {through:.0f} pings/s, evaluation alone {alone:.0f}: {through / alone:.2f}")' "$alone" "$through"
