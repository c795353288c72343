"""Shapes and local time, plainly: what a target contains, how far a point is from it, which day it is somewhere."""

import math

EARTH_M = 6_371_008.8
MINUTE_MS = 60_000
DAY_MS = 86_400_000

# Local time as UTC plus so many ms, from an instant on. Only what the month needs.
ZONES = {
    "Asia/Seoul": [(0, 540 * MINUTE_MS)],
    "Asia/Kathmandu": [(0, 345 * MINUTE_MS)],
    # Summer time ended on 2026-10-25 at 01:00Z.
    "Europe/Berlin": [(0, 120 * MINUTE_MS), (1_792_890_000_000, 60 * MINUTE_MS)],
}


class Zone:
    def __init__(self, name):
        self.pieces = ZONES[name]

    def offset_ms(self, at):
        return [offset for since, offset in self.pieces if since <= at][-1]

    def local(self, at):
        pieces = self.pieces
        if len(pieces) == 1 or at < pieces[1][0]:
            return at + pieces[0][1]
        return at + pieces[1][1]

    def day(self, at):
        return self.local(at) // DAY_MS

    def starts_at(self, day):
        """The first instant of a local day; no change of the clocks is at midnight here."""
        for since, offset in reversed(self.pieces):
            at = day * DAY_MS - offset
            if at >= since:
                return at
        raise ValueError(day)


def distance_m(lat_a, lon_a, lat_b, lon_b):
    """Haversine, degrees."""
    a, b = math.radians(lat_a), math.radians(lat_b)
    lat, lon = math.sin((b - a) / 2), math.sin(math.radians(lon_b - lon_a) / 2)
    return 2 * EARTH_M * math.asin(min(1.0, math.sqrt(lat * lat + math.cos(a) * math.cos(b) * lon * lon)))


def e7(degrees):
    return round(degrees * 1e7)


class Everywhere:
    size_m = math.inf
    box = None

    def contains(self, lat, lon):
        return True

    def distance_m(self, lat, lon):
        return 0.0


class Circle:
    def __init__(self, lat, lon, radius_m):
        self.lat, self.lon, self.radius_m = e7(lat) / 1e7, e7(lon) / 1e7, radius_m
        self.size_m = float(radius_m)
        north = radius_m / 111_000 + 1e-6
        east = north / math.cos(math.radians(self.lat)) * 1.01
        self.box = (self.lat - north, self.lon - east, self.lat + north, self.lon + east)

    def contains(self, lat, lon):
        return distance_m(self.lat, self.lon, lat / 1e7, lon / 1e7) <= self.radius_m

    def distance_m(self, lat, lon):
        return distance_m(self.lat, self.lon, lat / 1e7, lon / 1e7) - self.radius_m


class Polygon:
    """Rings of (lon, lat) in degrees: inside is where an odd number of edges lies to the east. A point on an edge belongs to
    the side to which a step of 5 to the east and 6 to the north leads."""

    def __init__(self, rings):
        self.edges, area = [], 0.0
        corners = []
        for number, ring in rings:
            points = [(e7(lon), e7(lat)) for lon, lat in ring]
            if points[0] == points[-1]:
                points.pop()
            pairs = list(zip(points, points[1:] + points[:1]))
            self.edges += pairs
            corners += points
            area += abs(sum(self.plot_m2(a, b) for a, b in pairs)) * (1 if number == 0 else -1)
        self.size_m = math.sqrt(area / math.pi)
        lons, lats = [lon for lon, _ in corners], [lat for _, lat in corners]
        self.box = (min(lats) / 1e7, min(lons) / 1e7, max(lats) / 1e7, max(lons) / 1e7)

    @staticmethod
    def plot_m2(a, b):
        """What an edge adds to the area on a cylinder of the same area as the sphere."""
        height = lambda lat: EARTH_M * math.sin(math.radians(lat / 1e7))
        width = math.radians((b[0] - a[0]) / 1e7) * EARTH_M
        return width * (height(a[1]) + height(b[1])) / 2

    def contains(self, lat, lon):
        odd = False
        for (lon_a, lat_a), (lon_b, lat_b) in self.edges:
            if lat_a > lat_b:
                lon_a, lat_a, lon_b, lat_b = lon_b, lat_b, lon_a, lat_a
            if lat_a <= lat < lat_b:
                # How far the edge lies to the east; on it, how far after the step.
                east = (lon_b - lon_a) * (lat - lat_a) - (lon - lon_a) * (lat_b - lat_a)
                odd ^= (east or 6 * (lon_b - lon_a) - 5 * (lat_b - lat_a)) > 0
        return odd

    def distance_m(self, lat, lon):
        """To the nearest edge, in the plane that touches the sphere there."""
        scale = math.cos(math.radians(lat / 1e7))
        unit = math.radians(1e-7) * EARTH_M
        best = math.inf
        for (lon_a, lat_a), (lon_b, lat_b) in self.edges:
            x, y = (lon_a - lon) * scale, lat_a - lat
            dx, dy = (lon_b - lon_a) * scale, lat_b - lat_a
            share = min(1.0, max(0.0, -(x * dx + y * dy) / (dx * dx + dy * dy)))
            best = min(best, math.hypot(x + share * dx, y + share * dy))
        return best * unit


def shape(document):
    """From a document of the API."""
    kind = document["type"]
    if kind == "circle":
        return Circle(document["lat"], document["lon"], document["radius_m"])
    parts = [document["coordinates"]] if kind == "polygon" else document["coordinates"]
    return Polygon([(number, ring) for part in parts for number, ring in enumerate(part)])
