"""Decodes last values. An answer whose bytes are those of the previous one is not decoded again. It sends nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import UnexpectedAnswer
from ..http import Answer
from ..model import Snapshot
from . import mapping
from .mapping import DeviceSchema


@dataclass(frozen=True, slots=True)
class _Decoded:
    """An answer, its snapshots, and the schemas its rows were read with."""

    text: bytes
    schemas: Mapping[str, DeviceSchema | None]
    snapshots: Mapping[str, Snapshot]


class LastValuesDecoder:
    """Decodes the last values of one account ("Last values"). An unchanged answer gives the same objects."""

    def __init__(self, schemas: Mapping[str, DeviceSchema]) -> None:
        """Read values as the `schemas` say, by device; they may change between two answers."""
        self._schemas = schemas
        self._previous: dict[str, _Decoded] = {}  # by request key

    def decode(self, request_key: str, answer: Answer) -> Mapping[str, Snapshot]:
        """Return the snapshot of each device in an answer. Requests for the same devices share a `request_key`.

        Raises `UnexpectedAnswer` for an answer without JSON, without a list, or with a list of no readable record.
        """
        decoded = self._previous.get(request_key)
        if decoded is None or answer.text != decoded.text or not self._is_current(decoded.schemas):
            decoded = self._previous[request_key] = self._decode(answer)
        return decoded.snapshots

    def forget(self) -> None:
        """Drop the previous answers, since the next requests may be for other devices."""
        self._previous.clear()

    def _is_current(self, schemas: Mapping[str, DeviceSchema | None]) -> bool:
        return all(self._schemas.get(uuid) is schema for uuid, schema in schemas.items())

    def _decode(self, answer: Answer) -> _Decoded:
        records, rows = mapping.last_value_records(answer.body), mapping.last_value_rows(answer.body)
        if not isinstance(records, list) or (records and not rows):
            raise answer.error(UnexpectedAnswer)
        return _Decoded(
            text=answer.text,
            schemas={uuid: self._schemas.get(uuid) for uuid in rows},
            snapshots=mapping.snapshots(rows, self._schemas),
        )
