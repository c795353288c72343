"""Computes every figure of every report of a month from its pings, outcomes and definitions, and compares.

usage: month.py FOLDER

The folder is what `tests/month` leaves: `pings-*.csv`, `outcomes.csv`, `records.csv`, `definitions.json`, `reports/`.
Nothing here is shared with the program. From the queue's records come only what hangs on the installation's secret key:
whether a device is held out of a campaign, which of two messages it gets, and the ids of jobs. Everything else is
computed from the pings; that the records are of just the matches computed is compared as well.
"""

import csv
import glob
import io
import json
import multiprocessing
import os
import re
import sys
import xml.etree.ElementTree as xml
import zipfile
from collections import defaultdict
from urllib.parse import parse_qsl, urlsplit

from engine import Device
from figures import VARIANTS, Brought
from places import Account, day_number, day_text

SEEN_DAYS = 30
LITE_INCLUDED, OVERAGE_KRW, LITE_FEE_KRW = 100_000, 5, 1_000_000
VISITS_HEADER = ["campaign", "name", "from", "to", "regions", "brands", "stores", "extra_days", "as_of", "after", "reached",
                 "responded", "response_rate_pct", "visitors", "visits", "visit_rate_pct", "held_out", "held_out_visitors",
                 "held_out_visit_rate_pct", "lift_points", "lift_points_from", "lift_points_to", "lift_method"]
PERIOD_HEADER = ["campaign", "name", "day", "variant", "reached", "jobs", "delivered", "clicked", "dismissed",
                 "responded", "response_rate_pct", "held_out"]


class Found:
    """What the pings of some devices of an account come to."""

    def __init__(self):
        self.matches, self.withheld, self.seen, self.visits = [], {}, {}, []


def go_through(task):
    """One file of pings, device by device."""
    path, definitions = task
    accounts = [Account(one, definitions["middle"]) for one in definitions["accounts"]]
    middle = day_number(definitions["middle"])
    found = [Found() for _ in accounts]
    by_device = defaultdict(list)
    with open(path, newline="") as file:
        rows = csv.reader(file)
        next(rows)
        for row in rows:
            by_device[int(row[1]), row[3]].append(row)
    pings = 0
    for (number, name), rows in by_device.items():
        account = accounts[number]
        device = WithSegments(account, name, found[number], middle)
        for half, _, app, _, lat, lon, at, accuracy, flags, cell in rows:
            device.ping(int(half), int(app), int(lat), int(lon), int(at), int(accuracy), int(flags), int(cell))
        pings += len(rows)
        found[number].visits += [(place, name, entered, left, revision)
                                 for (place, _), (entered, left, revision) in device.told.items()]
    return pings, found


class WithSegments(Device):
    """A device that is looked up in segments by visits in the middle of the month."""

    def __init__(self, account, name, found, middle):
        super().__init__(account, name, found)
        self.middle = middle

    def go_over_to(self, half):
        super().go_over_to(half)
        visits = [(place, entered) for (place, _), (entered, _, _) in self.told.items()]
        for campaign in self.account.campaigns:
            segment = self.account.segments.get(campaign.segment)
            if segment is not None and "history" in segment:
                self.is_listed[campaign.segment] = self.account.members(campaign.segment, visits, self.middle)


class Comparison:
    def __init__(self):
        self.figures, self.wrong = 0, []

    def hold(self, where, computed, reported):
        if isinstance(computed, dict) and isinstance(reported, dict):
            for key in sorted({*computed, *reported}, key=str):
                self.hold(f"{where}.{key}", computed.get(key, "nothing"), reported.get(key, "nothing"))
        elif isinstance(computed, list) and isinstance(reported, list):
            self.hold(f"{where}.length", len(computed), len(reported))
            for number, (one, other) in enumerate(zip(computed, reported)):
                self.hold(f"{where}[{number}]", one, other)
        else:
            self.figures += 1
            if computed != reported:
                self.wrong.append(f"{where}: computed {computed!r}, reported {reported!r}")


class Month:
    def __init__(self, folder):
        self.folder = folder
        with open(os.path.join(folder, "definitions.json")) as file:
            self.definitions = json.load(file)
        self.accounts = [Account(one, self.definitions["middle"]) for one in self.definitions["accounts"]]
        self.today = day_number(self.definitions["today"])
        self.comparison = Comparison()
        self.pings = 0

    def rows(self, name):
        with open(os.path.join(self.folder, name), newline="") as file:
            yield from csv.DictReader(file)

    def go_through_pings(self):
        tasks = [(path, self.definitions) for path in sorted(glob.glob(os.path.join(self.folder, "pings-*.csv")))]
        self.found = [Found() for _ in self.accounts]
        with multiprocessing.Pool(min(len(tasks), os.cpu_count() or 1)) as pool:
            for pings, parts in pool.imap_unordered(go_through, tasks):
                self.pings += pings
                for found, part in zip(self.found, parts):
                    found.matches += part.matches
                    found.visits += part.visits
                    for key, count in part.withheld.items():
                        found.withheld[key] = found.withheld.get(key, 0) + count
                    for app, seen in part.seen.items():
                        found.seen.setdefault(app, {}).update(seen)

    def read_records(self):
        """The lots of each device, and ids of jobs; and whether the records are those of the matches."""
        hold = self.comparison.hold
        self.lots, self.jobs = {}, {}
        recorded = [[] for _ in self.accounts]
        pushed, visited = [set() for _ in self.accounts], [{} for _ in self.accounts]
        for row in self.rows("records.csv"):
            account, kind = int(row["account"]), row["kind"]
            if kind == "visited":
                told = (int(row["revision"]), int(row["entered_at"]), int(row["left_at"] or 0))
                key = (row["visit"], int(row["place"]), row["device"])
                visited[account][key] = max(told, visited[account].get(key, told))
            elif kind == "push_job" and row["mode"] == "running":
                pushed[account].add(row["job"])
            elif kind in ("matched", "held_out") and row["mode"] == "running":
                campaign, device, at = int(row["campaign"]), row["device"], int(row["at"])
                recorded[account].append((campaign, device, at))
                lot = (kind == "held_out", row["variant"])
                hold(f"lots of {device} in {campaign}", self.lots.setdefault((account, campaign, device), lot), lot)
                if kind == "matched":
                    self.jobs[row["job"]] = (account, campaign, device, row["variant"], at)
        for number, found in enumerate(self.found):
            self.hold_all(f"matches of account {number}", found.matches, recorded[number])
            matched = {job for job, of in self.jobs.items() if of[0] == number}
            self.hold_all(f"jobs of account {number}", matched, pushed[number])
            if self.accounts[number].membership == "premium":
                told = [(place, device, entered, left or 0, revision)
                        for place, device, entered, left, revision in found.visits]
                read = [(place, device, entered, left, revision)
                        for (_, place, device), (revision, entered, left) in visited[number].items()]
                self.hold_all(f"visits of account {number}", told, read)

    def hold_all(self, where, computed, recorded):
        """Two lots of records, each of which counts as a figure."""
        computed, recorded = sorted(computed), sorted(recorded)
        self.comparison.figures += len(computed)
        if computed != recorded:
            more, less = set(computed) - set(recorded), set(recorded) - set(computed)
            self.comparison.wrong.append(
                f"{where}: {len(more)} of {len(computed)} only computed, as {sorted(more)[:3]}, "
                f"{len(less)} of {len(recorded)} only recorded, as {sorted(less)[:3]}")

    def count(self):
        self.brought = {}
        for number, account in enumerate(self.accounts):
            withheld = defaultdict(dict)
            for (campaign, reason, quarter), count in self.found[number].withheld.items():
                withheld[campaign][reason, quarter] = count
            for campaign in account.campaigns:
                self.brought[number, campaign.id] = Brought(campaign, account, withheld[campaign.id])
            for campaign, device, at in self.found[number].matches:
                held_out, variant = self.lots.get((number, campaign, device), (False, "a"))
                brought = self.brought[number, campaign]
                (brought.held_out if held_out else brought.jobs).append((device, at, variant))
        heard = set()
        for row in self.rows("outcomes.csv"):
            job, kind = self.jobs.get(row["job"]), row["kind"]
            # One of a job that was not made for this device counts nothing, and each kind counts once.
            if job and job[0] == int(row["account"]) and job[2] == row["device"] and (row["job"], kind) not in heard:
                heard.add((row["job"], kind))
                account, campaign, device, variant, at = job
                happened = (device, max(at, int(row["happened_at"])), variant)
                self.brought[account, campaign].outcomes[kind].append(happened)
        for brought in self.brought.values():
            brought.count()
        self.visits = []
        for found in self.found:
            by_place = defaultdict(list)
            for place, device, entered, _, _ in found.visits:
                by_place[place].append((device, entered))
            self.visits.append(by_place)

    def segment_size(self, number, segment):
        account = self.accounts[number]
        document = account.segments[segment]
        if "members" in document:
            return len(document["members"])
        by_device = defaultdict(list)
        for place, visits in self.visits[number].items():
            for device, entered in visits:
                by_device[device].append((place, entered))
        return sum(account.members(segment, visits, self.today) for visits in by_device.values())

    def audience(self, number, campaign):
        if campaign.listed is not None:
            return len(campaign.listed)
        if campaign.segment is not None:
            return self.segment_size(number, campaign.segment)
        seen = self.found[number].seen
        since = self.today - SEEN_DAYS + 1
        return len({device for app in campaign.apps for device, day in seen.get(app, {}).items() if day >= since})

    def usage(self, number, month):
        account, rows = self.accounts[number], []
        for campaign in account.campaigns:
            by_day = self.brought[number, campaign.id].by_day
            for day in sorted({day for day, _ in by_day}):
                pushes = sum(by_day[day, variant]["jobs"] for variant in VARIANTS if (day, variant) in by_day)
                if pushes and day_text(day).startswith(month):
                    rows.append({"day": day_text(day), "campaign": campaign.id, "pushes": pushes})
        rows.sort(key=lambda row: (row["campaign"], row["day"]))
        pushes, is_lite = sum(row["pushes"] for row in rows), account.membership == "lite"
        over = max(0, pushes - LITE_INCLUDED) if is_lite else 0
        return {"month": month, "pushes": pushes, "included": LITE_INCLUDED if is_lite else None, "over": over,
                "overage_krw": over * OVERAGE_KRW, "fee_krw": LITE_FEE_KRW if is_lite else None, "rows": rows}

    def computed(self, number, path):
        """What a path must answer: a document, or the rows of a file."""
        parts = urlsplit(path)
        asked = dict(parse_qsl(parts.query))
        if segment := re.fullmatch(r"/v1/segments/(\d+)/size", parts.path):
            segment = int(segment[1])
            answer = {"size": self.segment_size(number, segment)}
            if "history" in self.accounts[number].segments[segment]:
                answer["as_of"] = self.definitions["today"]
            return answer
        if parts.path == "/v1/usage":
            return self.usage(number, asked["month"])
        if parts.path in ("/v1/usage.csv", "/v1/usage.xlsx"):
            usage = self.usage(number, asked["month"])
            rows = [[asked["month"], row["day"], row["campaign"], row["pushes"], ""] for row in usage["rows"]]
            return [["month", "day", "campaign", "pushes", "overage_krw"], *rows,
                    [asked["month"], "all", "all", usage["pushes"], usage["overage_krw"]]]
        campaign, what = re.fullmatch(r"/v1/campaigns/(\d+)/(.*)", parts.path).groups()
        brought = self.brought[number, int(campaign)]
        if what == "figures":
            return brought.live(self.audience(number, brought.campaign))
        if what == "figures/hours":
            return brought.hours(day_number(asked["day"]))
        if what.startswith("visit-report"):
            report = brought.visit_report(asked, self.visits[number], self.today)
            return report if what == "visit-report" else self.visit_sheet(report)
        report = brought.period(day_number(asked["from"]), day_number(asked["to"]))
        return report if what == "report" else self.sheet(report)

    def visit_sheet(self, report):
        """One row: numbers of a list have commas between, what there is none of is empty."""
        lift = report["lift"] or {}
        names = {"stores": "places", "name": "name"}
        of_lift = {"held_out": "held_out", "held_out_visitors": "visitors", "held_out_visit_rate_pct": "visit_rate_pct",
                   "lift_points": "points", "lift_points_from": "points_from", "lift_points_to": "points_to",
                   "lift_method": "method"}
        row = []
        for field in VISITS_HEADER:
            value = lift.get(of_lift[field]) if field in of_lift else report[names.get(field, field)]
            if isinstance(value, list):
                value = ",".join(map(str, value))
            row.append("" if value is None else inert(value) if field == "name" else value)
        return [VISITS_HEADER, row]

    def sheet(self, report):
        name = inert(report["name"])
        rows = [(row["day"], row["variant"], row) for row in report["rows"]]
        rows.append((f"{report['from']} to {report['to']}", "all", report["total"]))
        blank = lambda value: "" if value is None else value
        return [PERIOD_HEADER, *([report["campaign"], name, day, variant,
                                  *(blank(row[field]) for field in PERIOD_HEADER[4:])] for day, variant, row in rows)]

    def compare(self):
        with open(os.path.join(self.folder, "reports", "reports.json")) as file:
            fetched = json.load(file)
        files = defaultdict(list)
        for one in fetched:
            number, path = one["account"], one["path"]
            where = f"account {number} {path}"
            with open(os.path.join(self.folder, "reports", one["file"]), "rb") as file:
                body = file.read()
            self.comparison.hold(f"{where} status", 200, one["status"])
            if one["status"] != 200:
                continue
            if path.startswith("/v1/reports"):
                self.hold_list(where, json.loads(body), files[number])
                continue
            computed = self.computed(number, path)
            name = urlsplit(path).path
            if name.endswith((".csv", ".xlsx")):
                reported = read_csv(body) if name.endswith(".csv") else read_xlsx(body)
                computed = [[text_of(cell) for cell in row] for row in computed]
                if body not in files[number]:
                    files[number].append(body)
                self.comparison.hold(where, computed, [[text_of(cell) for cell in row] for row in reported])
                continue
            self.comparison.hold(where, computed, json.loads(body))

    def hold_list(self, where, listed, files):
        """Each file that was made is listed once, with its bytes."""
        sizes = sorted(item["bytes"] for item in listed["items"])
        self.comparison.hold(where, sorted(len(body) for body in files), sizes)

    def tell(self):
        planted = self.definitions["planted"]
        brought = self.brought[0, planted["campaign"]]
        store = {"brands": str(self.definitions["accounts"][0]["brands"][2]["id"])}
        report = brought.visit_report(store, self.visits[0], self.today)
        jobs = sum(len(brought.jobs) for brought in self.brought.values())
        print(f"{self.definitions['devices']} devices, {self.pings} pings, {jobs} jobs, "
              f"{sum(len(found.visits) for found in self.found)} visits")
        print(f"planted lift {planted['points']} points: {json.dumps(report)}")
        for one in self.comparison.wrong[:40]:
            print("DIFFERS", one)
        print(f"{self.comparison.figures} figures compared, {len(self.comparison.wrong)} differ")
        return 1 if self.comparison.wrong else 0


def inert(name):
    """A name that is no formula to a spreadsheet."""
    return "'" + name if name[0] in "=+-@" else name


def text_of(cell):
    """Cells of a file by their value: 12.50 in CSV is 12.5 in a workbook."""
    try:
        return float(cell)
    except ValueError:
        return str(cell)


def read_csv(body):
    mark = b"\xef\xbb\xbf"
    assert body.startswith(mark), "no byte-order mark"
    return list(csv.reader(io.StringIO(body[len(mark):].decode(), newline="")))


def read_xlsx(body):
    """The cells of the only sheet; texts stand beside or in them."""
    space = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
    book = zipfile.ZipFile(io.BytesIO(body))
    texts = []
    if "xl/sharedStrings.xml" in book.namelist():
        shared = xml.fromstring(book.read("xl/sharedStrings.xml"))
        texts = ["".join(part.text or "" for part in one.iter(f"{space}t")) for one in shared.iter(f"{space}si")]
    sheet = xml.fromstring(book.read("xl/worksheets/sheet1.xml"))
    rows = []
    for row in sheet.iter(f"{space}row"):
        # The header has them all; a row may end earlier.
        cells = [""] * (len(rows[0]) if rows else len(row))
        for cell in row.iter(f"{space}c"):
            column = ord(re.match("[A-Z]+", cell.get("r"))[0]) - ord("A")
            inline = "".join(part.text or "" for part in cell.iter(f"{space}t"))
            value = cell.findtext(f"{space}v")
            cells[column] = texts[int(value)] if cell.get("t") == "s" else inline if value is None else value
        rows.append(cells)
    return rows


def main(folder):
    month = Month(folder)
    month.go_through_pings()
    month.read_records()
    month.count()
    month.compare()
    return month.tell()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
