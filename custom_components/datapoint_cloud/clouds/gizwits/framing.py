"""The frame around a payload in the manufacturer's own format.

Both APIs expect the bytes after the command of the frame, and add the frame themselves.
"""

from typing import Final

_HEAD: Final = bytes((0, 0, 0, 3))
_FLAG_AND_COMMAND: Final = bytes((0, 0, 0x90))
_LONGEST_LENGTH: Final = 4  # bytes


def payload_of(frame: bytes) -> bytes:
    """Return the payload of a complete frame ("Raw frame"); other bytes are a payload already."""
    if not frame.startswith(_HEAD):
        return frame
    length = shift = 0
    for index, byte in enumerate(frame[len(_HEAD) : len(_HEAD) + _LONGEST_LENGTH], start=len(_HEAD) + 1):
        # Seven bits a byte, the lowest first; the highest bit says that more follows.
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            content = frame[index:]
            is_complete = len(content) == length and content.startswith(_FLAG_AND_COMMAND)
            return content[len(_FLAG_AND_COMMAND) :] if is_complete else frame
    return frame
