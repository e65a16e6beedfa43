"""How private the content of a field is."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Final


class Kind(StrEnum):
    """How private the content of a field is."""

    PLAIN = "plain"  # it says nothing about anyone
    VOCABULARY = "vocabulary"  # the vendor's own words, such as the name of a datapoint
    VALUES = "values"  # what devices report: it stays, at any depth
    ID = "id"
    SECRET = "secret"
    NAME = "name"  # what people wrote
    PLACE = "place"
    LATITUDE = "latitude"
    LONGITUDE = "longitude"
    HOST = "host"
    UNKNOWN = "unknown"  # the documents do not mention it

    @property
    def is_private(self) -> bool:
        """Whether the content identifies someone or something."""
        return self not in {Kind.PLAIN, Kind.VOCABULARY, Kind.VALUES, Kind.UNKNOWN}


_WORDS: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])")
_KINDS_BY_WORD: Final[Mapping[str, Kind]] = {
    **dict.fromkeys(("password", "passwd", "pwd", "passcode", "passphrase", "psk", "token", "secret"), Kind.SECRET),
    **dict.fromkeys(("mac", "imei", "imsi", "iccid", "ip", "serial", "sn", "uuid", "uid", "did"), Kind.ID),
    **dict.fromkeys(("phone", "tel", "telephone", "mobile", "email", "mail"), Kind.ID),
    **dict.fromkeys(("ssid", "username", "nickname", "owner"), Kind.NAME),
    **dict.fromkeys(("gps", "location", "street", "city", "postcode", "zip"), Kind.PLACE),
    **dict.fromkeys(("lat", "latitude"), Kind.LATITUDE),
    **dict.fromkeys(("lon", "lng", "longitude"), Kind.LONGITUDE),
}


def kind_by_name(name: str) -> Kind | None:
    """Return how private a field must be by the last such word of its name, as in `gps_lat`; None for most fields."""
    words = (word.lower() for word in reversed(_WORDS.findall(name)))
    return next((_KINDS_BY_WORD[word] for word in words if word in _KINDS_BY_WORD), None)
