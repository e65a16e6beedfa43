"""Decodes last values. What is as in the previous answer is not read again. It sends nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import UnexpectedAnswer
from ..http import Answer
from ..model import Snapshot
from . import variables
from .variables import DeviceSchema, RowReader


@dataclass(frozen=True, slots=True)
class _Decoded:
    """An answer, its snapshots, and the schemas its rows were read with."""

    text: bytes
    schemas: Mapping[str, DeviceSchema | None]
    snapshots: Mapping[str, Snapshot]


class LastValuesDecoder:
    """Decodes the last values of one account ("Last values").

    An answer with the bytes of the previous one gives the same snapshots, and an unchanged row the same reading.
    """

    def __init__(self, schemas: Mapping[str, DeviceSchema]) -> None:
        """Read values as the `schemas` say, by device; they may change between two answers."""
        self._schemas = schemas
        self._previous: dict[str, _Decoded] = {}  # by request key
        self._readers: dict[str, RowReader] = {}  # by device

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
        self._readers.clear()

    def _is_current(self, schemas: Mapping[str, DeviceSchema | None]) -> bool:
        return all(self._schemas.get(uuid) is schema for uuid, schema in schemas.items())

    def _decode(self, answer: Answer) -> _Decoded:
        records, rows = variables.last_value_records(answer.body), variables.last_value_rows(answer.body)
        if not isinstance(records, list) or (records and not rows):
            raise answer.error(UnexpectedAnswer)
        return _Decoded(
            text=answer.text,
            schemas={uuid: self._schemas.get(uuid) for uuid in rows},
            snapshots={uuid: self._reader(uuid).snapshot(of_device) for uuid, of_device in rows.items()},
        )

    def _reader(self, uuid: str) -> RowReader:
        reader, schema = self._readers.get(uuid), self._schemas.get(uuid)
        if reader is None or reader.schema is not schema:
            reader = self._readers[uuid] = RowReader(schema)
        return reader
