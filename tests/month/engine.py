"""What one device's pings come to: stays, visits, and for each campaign a match or a reason why not.

These are the rules of docs/campaigns.md and docs/protocol.md, for pings alone and with the pings' own time, written down
a second time. No hints, no timers, no limits across partitions: the month has none.
"""

from ground import DAY_MS, distance_m

GAP_MS = 1800 * 1000
LATENESS_MS = 86_400 * 1000
MAX_AGE_MS = 300 * 1000
VISIT_MS = 120 * 1000
SPEED_M_PER_MS = 1000 / 3.6 / 1000
QUARTER_MS = 900_000
HOUR_MS = 3_600_000
MOCK, NO_ADS, NIGHT = 1, 4, 8
NEVER = 1 << 62

# These stop a trigger for now; the others close it.
LEAVE_OPEN = {"app", "period", "window", "night", "accuracy", "age", "daily_cap", "arbitration"}


class Stay:
    __slots__ = ("target", "entered", "next_dwell_s", "outside", "inside")

    def __init__(self, target, at):
        self.target, self.entered, self.outside, self.inside = target, at, 0, True
        self.next_dwell_s = next_dwell_s(target, 0)


class Trigger:
    __slots__ = ("campaign", "target", "is_exit", "is_open", "due_at", "stopped_by")

    def __init__(self, campaign, target, is_exit):
        self.campaign, self.target, self.is_exit = campaign, target, is_exit
        self.is_open, self.due_at, self.stopped_by = True, None, None


class Visit:
    """A stay inside a store, and between which instants a late fix may still lengthen it."""

    __slots__ = ("target", "first", "entered", "left", "not_before", "not_after", "is_over", "revision")

    def __init__(self, target, at, not_before):
        self.target, self.first, self.entered, self.left = target, at, at, at
        self.not_before, self.not_after, self.is_over, self.revision = not_before, NEVER, False, 0


def next_dwell_s(target, than_s):
    times = [one.dwell_s for one in target.campaigns if one.on == "dwell" and one.dwell_s > than_s]
    return min(times, default=NEVER)


class Device:
    def __init__(self, account, name, found):
        self.account, self.name, self.found = account, name, found
        self.half, self.ground = 0, account.halves[0]
        # The last fix that was followed.
        self.at = None
        self.lat = self.lon = self.accuracy_m = self.app = self.flags = None
        self.jumped = None
        self.stays, self.triggers, self.visits, self.nights = [], [], [], {}
        self.used, self.pushes = {}, {}
        self.told = {}
        self.is_listed = {}

    def ping(self, half, app, lat, lon, at, accuracy_m, flags, cell):
        if flags & MOCK or not -900_000_000 <= lat <= 900_000_000:
            return
        fix = (app, lat, lon, at, accuracy_m, flags, cell)
        if self.at is None:
            return self.anew(half, fix)
        elapsed = at - self.at
        if elapsed == 0 or elapsed < -LATENESS_MS:
            return
        if elapsed < 0:
            return self.late(lat, lon, at, accuracy_m)
        if elapsed > GAP_MS:
            return self.anew(half, fix)
        if not is_jump(self.lat, self.lon, self.at, self.accuracy_m, lat, lon, at, accuracy_m):
            return self.follow(fix)
        before, self.jumped = self.jumped, (lat, lon, at, accuracy_m)
        if before and at > before[2] and not is_jump(*before, lat, lon, at, accuracy_m):
            self.anew(half, fix)

    # A stay is over where the device was last seen, after a silence or a jump.
    def anew(self, half, fix):
        if self.stays:
            ended, self.stays = self.stays, []
            self.end(ended, fix[3], self.at)
            self.decide(self.at, fix[3], None)
        if half != self.half:
            self.go_over_to(half)
        self.follow(fix)

    def go_over_to(self, half):
        """Campaigns came and went; who is in a segment by visits is known by those of the days before."""
        self.half, self.ground = half, self.account.halves[half]

    def follow(self, fix):
        before = self.at
        self.app, self.lat, self.lon, self.at, self.accuracy_m, self.flags, cell = fix
        self.jumped = None
        seen = self.found.seen.setdefault(self.app, {})
        seen[self.name] = max(seen.get(self.name, 0), self.at // DAY_MS)
        self.note_night(cell)
        contained = self.ground.at(self.lat, self.lon)
        if any(target.is_home for target in contained) and not self.is_at_home(cell):
            contained = [target for target in contained if not target.is_home]
        ended, entered = self.merge(contained)
        self.end(ended, self.at, self.at)
        for stay in entered:
            if stay.target.place is not None:
                self.visits.append(Visit(stay.target, self.at, -NEVER if before is None else before))
            for campaign in stay.target.campaigns:
                if campaign.on == "enter":
                    self.open(campaign, stay.target, False)
        self.see_visits()
        self.run_dwells()
        self.run_due()
        self.decide(self.at, self.at, self.accuracy_m)

    def merge(self, contained):
        left = {target.order: target for target in contained}
        stays, ended, entered = [], [], []
        for stay in self.stays:
            if left.pop(stay.target.order, None) is not None:
                stay.outside, stay.inside = 0, True
                stays.append(stay)
            elif self.is_still_there(stay):
                stays.append(stay)
            else:
                ended.append(stay)
        for target in left.values():
            if target.is_fine(self.accuracy_m):
                entered.append(Stay(target, self.at))
        entered.sort(key=lambda stay: stay.target.order)
        self.stays = sorted(stays + entered, key=lambda stay: stay.target.order)
        return ended, entered

    def is_still_there(self, stay):
        away_m = stay.target.form.distance_m(self.lat, self.lon)
        if away_m > 1000 + self.accuracy_m:
            return False
        stay.inside = False
        if not stay.target.is_fine(self.accuracy_m):
            return True
        stay.outside += 1
        return stay.outside < 2 and away_m <= max(self.accuracy_m, 25)

    def stay_at(self, target):
        for stay in self.stays:
            if stay.target is target:
                return stay
        return None

    def end(self, ended, outside_at, at):
        for stay in ended:
            self.end_visit(stay.target, outside_at)
            for trigger in list(self.triggers):
                if trigger.target is stay.target and not trigger.is_exit:
                    elsewhere = self.elsewhere(trigger, lambda stay: True)
                    if elsewhere is None:
                        self.close(trigger, None, at)
                    else:
                        trigger.target = elsewhere
            for campaign in stay.target.campaigns:
                if campaign.on == "exit":
                    self.open(campaign, stay.target, True)

    def elsewhere(self, trigger, suits):
        """Another target of the campaign where its condition has come true as well."""
        campaign = trigger.campaign
        for stay in self.stays:
            fits = campaign.on != "dwell" or stay.next_dwell_s > campaign.dwell_s
            if stay.target is not trigger.target and fits and suits(stay) and campaign in stay.target.campaigns:
                return stay.target
        return None

    def open(self, campaign, target, is_exit):
        if all(trigger.campaign is not campaign for trigger in self.triggers):
            self.triggers.append(Trigger(campaign, target, is_exit))
            self.triggers.sort(key=lambda trigger: trigger.campaign.id)

    def close(self, trigger, reason, at):
        self.triggers.remove(trigger)
        if trigger.is_open:
            key = (trigger.campaign.id, reason or trigger.stopped_by or "state", at // QUARTER_MS)
            self.found.withheld[key] = self.found.withheld.get(key, 0) + 1

    def run_dwells(self):
        for stay in self.stays:
            elapsed_s = (self.at - stay.entered) // 1000
            while stay.inside and stay.next_dwell_s <= elapsed_s:
                for campaign in stay.target.campaigns:
                    if campaign.on == "dwell" and campaign.dwell_s == stay.next_dwell_s:
                        self.open(campaign, stay.target, False)
                stay.next_dwell_s = next_dwell_s(stay.target, stay.next_dwell_s)

    def run_due(self):
        for trigger in self.triggers:
            if trigger.is_exit:
                continue
            stay = self.stay_at(trigger.target)
            is_inside = stay is not None and stay.inside
            if not is_inside:
                elsewhere = self.elsewhere(trigger, lambda stay: stay.inside)
                if elsewhere is None:
                    continue
                trigger.target = elsewhere
            if not trigger.is_open and trigger.due_at <= self.at:
                trigger.is_open = True

    def decide(self, at, now, accuracy_m):
        """`accuracy_m` is of the fix; none where there is only silence, after which nothing but exits is tried."""
        winner = None
        for trigger in list(self.triggers):
            if not trigger.is_open:
                continue
            if not trigger.is_exit:
                stay = self.stay_at(trigger.target)
                if accuracy_m is None or stay is None or not stay.inside:
                    continue
            reason = self.gate(trigger, at, now)
            if reason is None:
                trigger.stopped_by = "arbitration"
                rank = (trigger.campaign.priority, trigger.campaign.id)
                if winner is None or rank > winner[0]:
                    winner = (rank, trigger)
            elif reason in LEAVE_OPEN:
                trigger.stopped_by = reason
            else:
                self.close(trigger, reason, at)
        if winner is not None:
            self.push(winner[1], at)
        for trigger in list(self.triggers):
            if trigger.is_exit and trigger.is_open:
                self.close(trigger, None, at)

    def gate(self, trigger, at, now):
        campaign, account = trigger.campaign, self.account
        local = account.zone.local(at)
        if self.app not in campaign.apps:
            return "app"
        if not campaign.begins <= at < campaign.ends:
            return "period"
        if not campaign.in_window(local):
            return "window"
        if not self.is_addressed(campaign):
            return "audience"
        if campaign.honours_blacklist and self.name in account.blacklist:
            return "blacklist"
        if self.flags & NO_ADS:
            return "consent"
        hour = local % DAY_MS // HOUR_MS
        if account.night_rule and (hour < 8 or hour >= 21) and not self.flags & NIGHT:
            return "night"
        if self.accuracy_m > max(campaign.max_accuracy_m or 100, trigger.target.size_m):
            return "accuracy"
        if now - self.at > MAX_AGE_MS:
            return "age"
        used = self.used.get(campaign.id, ())
        if campaign.pause_ms is not None:
            if any(abs(at - before) < campaign.pause_ms for before in used):
                return "frequency"
        elif self.bucket(campaign, at) in used:
            return "frequency"
        if account.daily_cap is not None and self.pushes.get(local // DAY_MS, 0) >= account.daily_cap:
            return "daily_cap"
        return None

    def bucket(self, campaign, at):
        if campaign.pause_ms is not None:
            return at
        return self.account.zone.day(at) if campaign.is_daily else campaign.first

    def is_addressed(self, campaign):
        if campaign.listed is not None:
            return self.name in campaign.listed
        if campaign.segment is None:
            return True
        segment = self.account.segments[campaign.segment]
        if "members" in segment:
            return self.name in segment["members"]
        return self.is_listed[campaign.segment]

    def push(self, trigger, at):
        campaign = trigger.campaign
        self.used.setdefault(campaign.id, []).append(self.bucket(campaign, at))
        day = self.account.zone.day(at)
        self.pushes[day] = self.pushes.get(day, 0) + 1
        self.found.matches.append((campaign.id, self.name, at))
        if campaign.pause_ms is not None and not trigger.is_exit:
            trigger.is_open, trigger.due_at, trigger.stopped_by = False, at + campaign.pause_ms, None
        else:
            self.triggers.remove(trigger)

    # Homes: the H3 cell with the most nights of the last 30, at least 3.
    def note_night(self, cell):
        local = self.account.zone.local(self.at)
        if self.accuracy_m > 484 or local % DAY_MS >= 6 * HOUR_MS:
            return
        day = local // DAY_MS
        if cell not in self.nights and len(self.nights) == 8:
            del self.nights[min(self.nights, key=lambda one: self.rank_of(one, day))]
        self.nights.setdefault(cell, set()).add(day)

    def rank_of(self, cell, day):
        nights = self.nights[cell]
        return (sum(night > day - 30 for night in nights), max(nights), cell)

    def is_at_home(self, cell):
        if not self.nights or self.accuracy_m > 484:
            return False
        day = self.account.zone.day(self.at)
        home = max(self.nights, key=lambda one: self.rank_of(one, day))
        return home == cell and self.rank_of(home, day)[0] >= 3

    # Visits.
    def see_visits(self):
        for visit in self.visits:
            stay = None if visit.is_over else self.stay_at(visit.target)
            if stay is None:
                continue
            if stay.inside:
                visit.left, visit.not_after = max(visit.left, self.at), NEVER
                self.tell_if_long_enough(visit)
            elif stay.outside > 0:
                visit.not_after = min(visit.not_after, max(self.at, visit.left))
        if any(visit.is_over for visit in self.visits):
            oldest = self.at - LATENESS_MS
            self.visits = [one for one in self.visits if not one.is_over or one.not_after > oldest]

    def end_visit(self, target, outside_at):
        for visit in self.visits:
            if visit.target is target and not visit.is_over:
                visit.not_after = min(visit.not_after, max(outside_at, visit.left))
                visit.is_over = True
                if visit.revision:
                    self.tell(visit)

    def tell_if_long_enough(self, visit):
        if not visit.revision and visit.left - visit.entered >= VISIT_MS:
            self.tell(visit)

    def tell(self, visit):
        visit.revision += 1
        left = visit.left if visit.is_over else None
        self.told[visit.target.place, visit.first] = (visit.entered, left, visit.revision)

    def late(self, lat, lon, at, accuracy_m):
        """A fix from before the last one: it may lengthen a visit, or show that the device was outside in between."""
        may = lambda one: one.not_before < at < one.not_after and not one.entered <= at <= one.left
        if not any(may(visit) for visit in self.visits):
            return
        contained = self.ground.at(lat, lon)
        for target in dict.fromkeys(visit.target for visit in self.visits):
            is_inside, is_fine = target in contained, target.is_fine(accuracy_m)
            visits = [visit for visit in self.visits if visit.target is target]
            taken = None
            if is_inside and is_fine:
                taken = next((visit for visit in visits if self.lengthen(visit, at)), None)
            is_far = target.form.distance_m(lat, lon) > 1000 + accuracy_m
            is_outside = not is_inside and (is_fine or is_far)
            if taken is None and not is_outside:
                continue
            for visit in visits:
                if visit is not taken and at < visit.entered:
                    visit.not_before = max(visit.not_before, at)
                elif visit is not taken and at > visit.left:
                    visit.not_after = min(visit.not_after, at)

    def lengthen(self, visit, at):
        is_before = visit.not_before < at < visit.entered
        if is_before and visit.entered - at <= GAP_MS:
            visit.entered = at
        elif visit.left < at < visit.not_after and at - visit.left <= GAP_MS:
            visit.left = at
        else:
            return False
        if not visit.revision:
            self.tell_if_long_enough(visit)
        elif is_before or visit.is_over:
            self.tell(visit)
        return True


def is_jump(lat_a, lon_a, at_a, accuracy_a, lat_b, lon_b, at_b, accuracy_b):
    reach_m = SPEED_M_PER_MS * (at_b - at_a) + accuracy_a + accuracy_b
    return distance_m(lat_a / 1e7, lon_a / 1e7, lat_b / 1e7, lon_b / 1e7) > reach_m
