"""What an account has, and which targets its campaigns come to."""

import datetime
import math

from ground import DAY_MS, MINUTE_MS, Circle, Everywhere, Zone, shape

WEEKDAYS = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
EPOCH = datetime.date(1970, 1, 1)

# A grid over the ground, in degrees: a ping looks at the targets of its cell alone.
CELL = 0.0025


def day_number(text):
    return (datetime.date.fromisoformat(text) - EPOCH).days


def day_text(number):
    return (EPOCH + datetime.timedelta(days=number)).isoformat()


class Target:
    """Something that a stay may be at. `place` is set where visits are measured, `is_home` where it is for those at home."""

    def __init__(self, order, form, place=None, is_home=False):
        self.order, self.form, self.place, self.is_home = order, form, place, is_home
        self.size_m = form.size_m
        self.campaigns = []
        self.fine_m = 100

    def is_fine(self, accuracy_m):
        if self.is_home:
            return accuracy_m <= 484
        return accuracy_m <= self.fine_m or accuracy_m <= self.size_m


class Campaign:
    def __init__(self, document, account):
        self.document = document
        self.id = document["id"]
        self.name = document["name"]
        self.apps = set(document["apps"])
        self.first, self.last = day_number(document["start"]), day_number(document["end"])
        zone = account.zone
        self.begins, self.ends = zone.starts_at(self.first), zone.starts_at(self.last + 1)
        self.windows = {}
        for row in document["windows"]:
            minutes = [int(text[:2]) * 60 + int(text[3:]) for text in (row["start"], row["end"])]
            self.windows.update({WEEKDAYS.index(day): minutes for day in row["days"]})
        self.on = document["trigger"]["on"]
        self.dwell_s = document["trigger"].get("dwell_s")
        frequency = document["frequency"]
        self.pause_ms = frequency["resend_after_s"] * 1000 if isinstance(frequency, dict) else None
        self.is_daily = frequency == "once_per_day"
        self.priority = document.get("priority", 0)
        self.max_accuracy_m = document.get("max_accuracy_m")
        self.honours_blacklist = document.get("blacklist", True)
        self.has_ab = len(document.get("messages", [])) == 2
        audience = document.get("audience", "all")
        self.segment = audience.get("segment") if isinstance(audience, dict) else None
        self.listed = set(audience["devices"]) if isinstance(audience, dict) and "devices" in audience else None
        # In which halves of the month it runs.
        self.halves = [document["start"] < account.middle and not self.is_idle, document["end"] >= account.middle and not self.is_idle]

    @property
    def is_idle(self):
        """Tests are in no figure and charge nothing; one that never runs does nothing."""
        return self.name in ("Trial", "Never")

    def in_window(self, local):
        window = self.windows.get((local // DAY_MS + 3) % 7)
        minute = local % DAY_MS // MINUTE_MS
        return window is not None and window[0] <= minute < window[1]


class Account:
    def __init__(self, document, middle):
        self.document = document
        settings = document["account"]
        self.membership = settings["membership"]
        self.zone = Zone(settings["time_zone"])
        self.middle = middle
        self.night_rule = settings["night_rule"]
        self.daily_cap = settings["daily_cap"]
        self.measures = settings["measure_visits"]
        self.blacklist = set(document.get("blacklist", []))
        self.places = {one["id"]: one for one in document.get("places", [])}
        self.segments = {one["id"]: one for one in document.get("segments", [])}
        for one in self.segments.values():
            if "members" in one:
                one["members"] = set(one["members"])
        self.regions = {one["id"]: shape(one["shape"]) for one in document.get("regions", [])}
        self.fences = {one["id"]: shape(one["shape"]) for one in document["geofences"]}
        self.groups = {one["id"]: [shape(member["shape"]) for member in one["members"]]
                       for one in document.get("groups", [])}
        self.campaigns = [Campaign(one, self) for one in document["campaigns"]]
        self.halves = [Ground(self, half) for half in (0, 1)]

    def categories_below(self, roots):
        found, grown = set(roots), True
        while grown:
            more = {one["id"] for one in self.document.get("categories", []) if one.get("parent") in found}
            grown, found = not more <= found, found | more
        return found

    def stores_meant(self, block):
        """Stores of a block: named by brand, category or themselves, and with their point in one of its areas."""
        areas = [self.regions[one] for one in block.get("regions", [])]
        areas += [self.fences[one] for one in block.get("geofences", [])]
        areas += [form for one in block.get("groups", []) for form in self.groups[one]]
        brands, places = block.get("brands", []), block.get("places", [])
        categories = self.categories_below(block.get("categories", []))
        by_store = bool(brands or places or categories)
        meant = []
        for place in self.places.values():
            named = place["brand"] in brands or place["category"] in categories or place["id"] in places
            lat, lon = round(place["lat"] * 1e7), round(place["lon"] * 1e7)
            if (named or not by_store) and (not areas or any(area.contains(lat, lon) for area in areas)):
                meant.append(place["id"])
        return meant

    def inside(self, place):
        place = self.places[place]
        return shape(place["footprint"]) if place["footprint"] else Circle(place["lat"], place["lon"], 25)

    def members(self, segment, visits_of, today):
        """Whether a device is in a segment: by its file, or by its visits of the days before today."""
        document = self.segments[segment]
        if "members" in document:
            raise ValueError("a file is looked into once")
        history = document["history"]
        until = self.zone.starts_at(today)
        since = self.zone.starts_at(today - history["days"])
        for block in history["blocks"]:
            places = set(self.stores_meant(block))
            count = sum(place in places and since <= entered < until for place, entered in visits_of)
            if count >= block["at_least"]:
                return True
        return False


class Ground:
    """The targets of one half of the month, and a grid to find them."""

    def __init__(self, account, half):
        self.account = account
        self.targets = {}
        if account.measures:
            for place in account.places:
                self.target(("inside", place), lambda place=place: account.inside(place), place=place)
        for campaign in account.campaigns:
            if campaign.halves[half]:
                for key in self.watch(campaign):
                    target = self.targets[key]
                    target.campaigns.append(campaign)
                    target.fine_m = max(target.fine_m, campaign.max_accuracy_m or 0)
        self.grid, self.everywhere = {}, []
        for target in sorted(self.targets.values(), key=lambda one: one.order):
            self.lay(target)

    def target(self, key, form, **more):
        if key not in self.targets:
            self.targets[key] = Target(len(self.targets), form(), **more)
        return key

    def watch(self, campaign):
        """The targets of a campaign, each once."""
        account, keys = self.account, []
        for location in campaign.document["locations"]:
            if "residential" in location:
                for region in location["residential"]["regions"]:
                    keys.append(self.target(("home", region), lambda: account.regions[region], is_home=True))
                continue
            block = location["general"]
            if block.get("nationwide"):
                keys.append(self.target(("everywhere",), Everywhere))
            elif any(block.get(side) for side in ("brands", "categories", "places")):
                for place in account.stores_meant(block):
                    keys.append(self.store(place, block.get("condition", "signal_range")))
            else:
                keys += self.areas(block)
        return dict.fromkeys(keys)

    def areas(self, block):
        account = self.account
        for fence in block.get("geofences", []):
            yield self.target(("fence", fence), lambda: account.fences[fence])
        for group in block.get("groups", []):
            for number, form in enumerate(account.groups[group]):
                yield self.target(("member", group, number), lambda: form)
        for region in block.get("regions", []):
            yield self.target(("region", region), lambda: account.regions[region])

    def store(self, place, condition):
        account = self.account
        if condition == "inside":
            return self.target(("inside", place), lambda: account.inside(place))
        store = account.places[place]
        signal = lambda: Circle(store["lat"], store["lon"], store["signal_radius_m"])
        return self.target(("signal", place), signal)

    def lay(self, target):
        if target.form.box is None:
            self.everywhere.append(target)
            return
        south, west, north, east = target.form.box
        for row in range(math.floor(south / CELL), math.floor(north / CELL) + 1):
            for column in range(math.floor(west / CELL), math.floor(east / CELL) + 1):
                self.grid.setdefault((row, column), []).append(target)

    def at(self, lat, lon):
        """The targets that contain a point, homes as if all were at home."""
        near = self.grid.get((math.floor(lat / 1e7 / CELL), math.floor(lon / 1e7 / CELL)), ())
        found = [target for target in near if target.form.contains(lat, lon)]
        return found + self.everywhere if self.everywhere else found
