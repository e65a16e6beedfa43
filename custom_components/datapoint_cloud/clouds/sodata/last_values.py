"""Decoding of last values, skipped for an answer whose bytes are those of the previous one. It sends nothing."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..errors import UnexpectedAnswer
from ..http import Answer
from ..model import Snapshot
from . import mapping
from .mapping import Description


@dataclass(frozen=True, slots=True)
class _Decoded:
    """An answer, its snapshots, and the descriptions that its rows were read with."""

    text: bytes
    descriptions: Mapping[str, Description | None]
    snapshots: Mapping[str, Snapshot]


class LastValues:
    """The last values of one account ("Last values"). An unchanged answer comes out as the same objects."""

    def __init__(self, descriptions: Mapping[str, Description]) -> None:
        """Read values as the `descriptions` say, by device; they may change between two answers."""
        self._descriptions = descriptions
        self._previous: dict[str, _Decoded] = {}  # by request key

    def read(self, request_key: str, answer: Answer) -> Mapping[str, Snapshot]:
        """Return the snapshot of each device in an answer. `request_key` is the same for requests that repeat.

        Raises `UnexpectedAnswer` for an answer without JSON, without a list, or with a list of no readable record.
        """
        previous = self._previous.get(request_key)
        if previous is None or answer.text != previous.text or not self._is_current(previous.descriptions):
            previous = self._previous[request_key] = self._decode(answer)
        return previous.snapshots

    def _is_current(self, descriptions: Mapping[str, Description | None]) -> bool:
        return all(self._descriptions.get(uuid) is description for uuid, description in descriptions.items())

    def forget(self) -> None:
        """Drop the previous answers: the next requests may be for other devices."""
        self._previous.clear()

    def _decode(self, answer: Answer) -> _Decoded:
        listed, rows = mapping.listed(answer.body), mapping.rows(answer.body)
        if not isinstance(listed, list) or (listed and not rows):
            raise answer.error(UnexpectedAnswer)
        return _Decoded(
            text=answer.text,
            descriptions={uuid: self._descriptions.get(uuid) for uuid in rows},
            snapshots=mapping.snapshots(rows, self._descriptions),
        )
