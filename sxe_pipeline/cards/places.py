"""Country and region from the profile's own location field, conservatively.

Here: the gazetteer and its reading rule. A place that two countries could claim gives null; a flag
or a language never gives a country.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sxe_pipeline.cards.text import phrase_skeleton

_PARTS = re.compile(r"[,/|;\n\u2022\u00b7()]| - | \u2013 | \u2014 |&| and ")
_MAX_LENGTH = 80
ISO_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Place:
    """A country, and the region (ISO 3166-2) where the place lies in one we know."""

    country: str | None = None
    region: str | None = None


@dataclass(frozen=True, slots=True)
class Gazetteer:
    """Skeletons of names of places, and of US state codes that need a city before them."""

    names: Mapping[str, Place]
    codes: Mapping[str, Place]
    countries: frozenset[str]
    cities: frozenset[str]

    def find(self, location: str | None) -> Place:
        """Read a location field.

        Args:
            location: Redacted free text such as `Austin, TX`, or null.

        Returns:
            The one country that all known parts agree on; an empty place otherwise.
        """
        if not location or len(location) > _MAX_LENGTH:
            return Place()
        parts = [
            p for part in _PARTS.split(location) if (p := phrase_skeleton(part.replace(".", "")))
        ]
        found = [self.names[p] for p in parts if p in self.names]
        if len(parts) > 1 and parts[-1] in self.codes and parts[-1] not in self.names:
            found += self._by_code(parts[-1], found)
        countries = {place.country for place in found}
        if len(countries) != 1:
            return Place()
        regions = {place.region for place in found if place.region}
        return Place(countries.pop(), regions.pop() if len(regions) == 1 else None)

    def city(self, location: str | None) -> str | None:
        """The city that a location field names, as written there; None where it names none."""
        if not location or len(location) > _MAX_LENGTH:
            return None
        parts = (part.strip() for part in _PARTS.split(location))
        return next((p for p in parts if phrase_skeleton(p.replace(".", "")) in self.cities), None)

    def _by_code(self, code: str, found: list[Place]) -> list[Place]:
        """A state code counts unless a city of another country stands before it."""
        is_elsewhere = any(place.country == code.upper() for place in found)
        if is_elsewhere or (code.upper() in self.countries and not found):
            return []
        return [self.codes[code]]


def read_gazetteer(rows: Iterable[Mapping[str, str]]) -> Gazetteer:
    """Compile `places.csv` (place, country, region, kind)."""
    names: dict[str, Place] = {}
    codes: dict[str, Place] = {}
    cities: set[str] = set()
    for row in rows:
        if row["kind"] == "city":
            cities.add(phrase_skeleton(row["place"]))
        target = codes if row["kind"] == "state_code" else names
        target[phrase_skeleton(row["place"])] = Place(row["country"], row["region"] or None)
    countries = frozenset(place.country for place in names.values() if place.country)
    return Gazetteer(names, codes, countries, frozenset(cities))
