"""A directory of stores over the districts of Korea, and which stores three campaigns mean: by plain loops.

Usage: plain.py REAL_FENCES.geojson.gz OUT STORES

Writes to OUT: regions.geojson (the districts by their sources, and one trade area), places.csv (STORES stores of
several brands and of categories four deep, some with footprints) and expected.json (codes of stores, by campaign).
Knows nothing of the program: containment is a ray to the east, in floating point.
"""

import csv
import gzip
import json
import random
import sys

LEVELS = {"kostat2018-mun": "city", "kostat2018-submun": "street", "juso2015-seoul": "street"}
BRANDS = [f"Brand {number}" for number in range(40)]
TRADE_AREA = [[126.96, 37.52], [127.08, 37.49], [127.11, 37.55], [127.02, 37.60], [126.94, 37.58]]


def main(fences, out, stores):
    with gzip.open(fences, "rt") as file:
        features = json.load(file)["features"]
    regions = [region(feature) for feature in features if feature["properties"]["src"] in LEVELS]
    ring = TRADE_AREA + TRADE_AREA[:1]
    regions.append({"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [ring]},
                    "properties": {"level": "trade_area", "code": "T-1", "name": "Trade area"}})
    with open(f"{out}/regions.geojson", "w") as file:
        json.dump({"type": "FeatureCollection", "features": regions}, file)
    places = directory(stores)
    write(places, f"{out}/places.csv")
    named = {one["properties"]["code"]: one for one in regions}
    two = [one for one in regions if one["properties"]["name"] in ("강남구", "종로구")][:2]
    whole = next(one for one in regions if one["properties"]["name"] == "수원시장안구")
    expected = {
        "brand_in_two_regions": {
            "regions": [one["properties"]["code"] for one in two],
            "stores": [place["code"] for place in places
                       if place["brand"] == BRANDS[3] and any(inside(one, place) for one in two)]},
        "category_in_trade_area": {
            "regions": ["T-1"],
            "stores": [place["code"] for place in places
                       if place["category"].startswith("C1>C1-2") and inside(named["T-1"], place)]},
        "all_stores_of_a_region": {
            "regions": [whole["properties"]["code"]],
            "stores": [place["code"] for place in places if inside(whole, place)]},
    }
    with open(f"{out}/expected.json", "w") as file:
        json.dump(expected, file)


def region(feature):
    properties = feature["properties"]
    code = f"{properties['src']}-{properties['id']}"
    return {"type": "Feature", "geometry": feature["geometry"],
            "properties": {"level": LEVELS[properties["src"]], "code": code, "name": properties["name"]}}


def directory(stores):
    """Half of them in Seoul and around, the others over the country."""
    lots = random.Random(2026)
    places = []
    for number in range(stores):
        west, south, east, north = (126.7, 37.2, 127.3, 37.7) if number % 2 else (126.0, 34.5, 129.5, 38.2)
        top = lots.randrange(4)
        path, name = [], "C"
        for depth in range(lots.randrange(1, 5)):
            name = f"C{top}" if depth == 0 else f"{name}-{lots.randrange(3)}"
            path.append(name)
        places.append({
            "code": f"s-{number}", "name": f"Store {number}", "brand": lots.choice(BRANDS),
            "category": ">".join(path), "lat": round(lots.uniform(south, north), 6),
            "lon": round(lots.uniform(west, east), 6), "radius": lots.choice(["", 50, 150, 300]),
            "has_footprint": lots.random() < 0.1})
    return places


def write(places, path):
    with open(path, "w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["store code", "name", "brand", "category", "latitude", "longitude", "signal radius m", "footprint"])
        for one in places:
            lat, lon, d = one["lat"], one["lon"], 0.0003
            corners = [(lon - d, lat - d), (lon + d, lat - d), (lon + d, lat + d), (lon - d, lat + d), (lon - d, lat - d)]
            outline = "(" + ",".join(f"{x:.6f} {y:.6f}" for x, y in corners) + ")" if one["has_footprint"] else ""
            rows.writerow([one["code"], one["name"], one["brand"], one["category"], lat, lon, one["radius"], outline])


def inside(feature, place):
    geometry = feature["geometry"]
    polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
    x, y = place["lon"], place["lat"]
    rings = [ring for polygon in polygons for ring in polygon]
    if "box" not in feature:
        points = [point for ring in rings for point in ring]
        feature["box"] = (min(p[0] for p in points), min(p[1] for p in points),
                          max(p[0] for p in points), max(p[1] for p in points))
    west, south, east, north = feature["box"]
    if not (west <= x <= east and south <= y <= north):
        return False
    odd = False
    for ring in rings:
        for (x1, y1), (x2, y2) in zip(ring, ring[1:]):
            if (y1 > y) != (y2 > y) and x < x1 + (x2 - x1) * (y - y1) / (y2 - y1):
                odd = not odd
    return odd


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
