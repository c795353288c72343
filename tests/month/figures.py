"""Figures of campaigns from matches, visits and outcomes: what each report must say."""

import datetime
import math
from collections import Counter, defaultdict

from engine import QUARTER_MS
from places import day_number, day_text

VARIANTS = ("a", "b")
KINDS = ("delivered", "clicked", "dismissed")


def per_cent(part, whole):
    """To two places, halves up, in whole numbers."""
    return (part * 20_000 + whole) // (2 * whole) / 100 if whole else None


def wilson(part, whole):
    """Wilson's score interval, as in Newcombe 1998."""
    z, share = 1.959963984540054, part / whole
    middle = 2 * part + z * z
    spread = z * math.sqrt(z * z + 4 * part * (1 - share))
    return (middle - spread) / (2 * (whole + z * z)), (middle + spread) / (2 * (whole + z * z))


def newcombe(part, whole, other_part, other_whole):
    """The difference of two shares and its 95 % interval: method 10."""
    p, q = part / whole, other_part / other_whole
    (p_low, p_high), (q_low, q_high) = wilson(part, whole), wilson(other_part, other_whole)
    below = math.sqrt((p - p_low) ** 2 + (q_high - q) ** 2)
    above = math.sqrt((p_high - p) ** 2 + (q - q_low) ** 2)
    return p - q, p - q - below, p - q + above


def points(share):
    """In per cent, to two places, halves away from zero."""
    return math.copysign(math.floor(abs(share) * 10_000 + 0.5), share) / 100


class Brought:
    """What became of one campaign, as lists of what happened."""

    def __init__(self, campaign, account, withheld):
        self.campaign, self.account = campaign, account
        self.zone = account.zone
        # (device, at, variant), and for outcomes the same by kind.
        self.jobs, self.held_out = [], []
        self.outcomes = {kind: [] for kind in KINDS}
        self.withheld = withheld

    def count(self):
        """By day and variant, once all is known."""
        day = self.zone.day
        self.by_day = defaultdict(Counter)
        self.by_quarter = defaultdict(Counter)
        self.reached_on, self.responded_on, self.held_out_on = (defaultdict(set) for _ in range(3))
        self.first_job = firsts(self.jobs)
        self.first_click = firsts(self.outcomes["clicked"])
        self.first_held_out = firsts(self.held_out)
        listed = {"jobs": self.jobs, "held_out": self.held_out, **self.outcomes}
        for kind, happened in listed.items():
            for device, at, variant in happened:
                self.by_day[day(at), variant][kind] += 1
                self.by_quarter[at // QUARTER_MS][kind] += 1
        for device, at, variant in self.jobs:
            self.reached_on[day(at), variant].add(device)
        for device, at, variant in self.outcomes["clicked"]:
            self.responded_on[day(at), variant].add(device)
        for device, at, variant in self.held_out:
            self.held_out_on[day(at), variant].add(device)
        self.firsts_on = defaultdict(Counter)
        for name, first in (("reached", self.first_job), ("responded", self.first_click),
                            ("held_out", self.first_held_out)):
            for at, variant in first.values():
                self.firsts_on[day(at), variant][name] += 1
        self.withheld_in = Counter()
        self.withheld_by = Counter()
        for (reason, quarter), count in self.withheld.items():
            self.withheld_in[quarter] += count
            self.withheld_by[reason] += count

    def sums(self, days, variants):
        total = Counter()
        for day in days:
            for variant in variants:
                total.update({kind: count for kind, count in self.by_day.get((day, variant), {}).items()
                              if kind != "held_out"})
        return {kind: total[kind] for kind in ("jobs", *KINDS)}

    def firsts(self, name, days, variants):
        return sum(self.firsts_on[day, variant][name] for day in days for variant in variants
                   if (day, variant) in self.firsts_on)

    def rated(self, figures, reached, responded, held_out):
        return {**figures, "reached": reached, "responded": responded, "held_out": held_out,
                "response_rate_pct": per_cent(responded, reached)}

    def over(self, days, variants):
        """Over days, each device counted on the day of its first."""
        first = [self.firsts(name, days, variants) for name in ("reached", "responded", "held_out")]
        return self.rated(self.sums(days, variants), *first)

    def on(self, day, variants):
        reached = sum(len(self.reached_on.get((day, variant), ())) for variant in variants)
        responded = sum(len(self.responded_on.get((day, variant), ())) for variant in variants)
        return self.rated(self.sums([day], variants), reached, responded,
                          self.firsts("held_out", [day], variants))

    @property
    def variants(self):
        return VARIANTS if self.campaign.has_ab else VARIANTS[:1]

    @property
    def days(self):
        return range(self.campaign.first, self.campaign.last + 1)

    def live(self, audience):
        days = sorted({day for day, _ in self.by_day if day in self.days})
        return {
            "campaign": self.campaign.id, "audience": audience, "total": self.over(self.days, VARIANTS),
            "variants": [{"variant": one, **self.over(self.days, [one])} for one in self.variants],
            "suppressed": dict(self.withheld_by),
            "days": [{"day": day_text(day), **self.on(day, VARIANTS)} for day in days],
        }

    def hours(self, day):
        hours, at = [], self.zone.starts_at(day)
        while at < self.zone.starts_at(day + 1):
            quarters = [at // QUARTER_MS + more for more in range(4)]
            sums = Counter()
            for quarter in quarters:
                sums.update(self.by_quarter.get(quarter, {}))
            offset = datetime.timezone(datetime.timedelta(milliseconds=self.zone.offset_ms(at)))
            start = datetime.datetime.fromtimestamp(at / 1000, offset).isoformat()
            hours.append({"from": start, **{kind: sums[kind] for kind in ("jobs", *KINDS)},
                          "suppressed": sum(self.withheld_in[quarter] for quarter in quarters)})
            at += 4 * QUARTER_MS
        return hours

    def uniques(self, days):
        reached, responded, held_out = set(), set(), set()
        for day in days:
            for variant in VARIANTS:
                reached |= self.reached_on.get((day, variant), set())
                responded |= self.responded_on.get((day, variant), set())
                held_out |= self.held_out_on.get((day, variant), set())
        return len(reached), len(reached & responded), len(held_out)

    def period(self, first, last):
        days = range(first, last + 1)
        reached, responded, held_out = self.uniques(days)
        return {
            "campaign": self.campaign.id, "name": self.campaign.name,
            "from": day_text(first), "to": day_text(last),
            "total": self.rated(self.sums(days, VARIANTS), reached, responded, held_out),
            "rows": [{"day": day_text(day), "variant": one, **self.on(day, [one])}
                     for day in days for one in self.variants],
        }

    def visit_report(self, asked, visits, today):
        """`visits` are all of the account: (place, device, entered)."""
        block = {side: [int(one) for one in asked[side].split(",")] for side in ("regions", "brands") if side in asked}
        places = self.account.stores_meant(block)
        after = asked.get("after", "match")
        last = min(self.campaign.last + int(asked.get("extra_days", 15)), today - 1)
        last = day_number(asked["as_of"]) if "as_of" in asked else last
        begins, until = self.zone.starts_at(self.campaign.first), self.zone.starts_at(last + 1)
        reached, responded, _ = self.uniques(range(self.campaign.first, min(self.campaign.last, last) + 1))
        since = self.first_job if after == "match" else self.first_click
        over = self.zone.starts_at(min(self.campaign.last, last) + 1)
        since = {device: at for device, (at, _) in since.items() if at < over}
        held_out = {device: at for device, (at, _) in self.first_held_out.items() if at < over}
        came, came_anyway = [], set()
        for place in places:
            for device, entered in visits.get(place, ()):
                if begins <= entered < until:
                    if device in since and entered > since[device]:
                        came.append(device)
                    if device in held_out and entered > held_out[device]:
                        came_anyway.add(device)
        visitors = len(set(came))
        lift = None
        if after == "match" and reached and held_out:
            difference = newcombe(visitors, reached, len(came_anyway), len(held_out))
            middle, low, high = map(points, difference)
            lift = {"held_out": len(held_out), "visitors": len(came_anyway),
                    "visit_rate_pct": per_cent(len(came_anyway), len(held_out)),
                    "points": middle, "points_from": low, "points_to": high, "method": "newcombe_1998_method_10"}
        return {"campaign": self.campaign.id, "name": self.campaign.name, "from": day_text(self.campaign.first),
                "to": day_text(self.campaign.last), **{"regions": [], "brands": [], **block},
                "extra_days": int(asked.get("extra_days", 15)), "places": len(places), "as_of": day_text(last), "after": after,
                "reached": reached, "responded": responded, "visitors": visitors, "visits": len(came),
                "response_rate_pct": per_cent(responded, reached),
                "visit_rate_pct": per_cent(visitors, reached), "lift": lift}


def firsts(happened):
    """Of each device the first, with its variant."""
    first = {}
    for device, at, variant in happened:
        if device not in first or at < first[device][0]:
            first[device] = (at, variant)
    return first
