"""The frame around a payload of the maker's own.

Both APIs want what follows the command of the frame, and add the frame themselves.
"""

from typing import Final

_HEAD: Final = bytes((0, 0, 0, 3))
_FLAG_AND_COMMAND: Final = bytes((0, 0, 0x90))
_LONGEST_LENGTH: Final = 4  # bytes


def payload_of(frame: bytes) -> bytes:
    """Take a whole frame's payload out of it ("Raw frame"); anything else is a payload already."""
    if not frame.startswith(_HEAD):
        return frame
    length = shift = 0
    for index, byte in enumerate(frame[len(_HEAD) : len(_HEAD) + _LONGEST_LENGTH], start=len(_HEAD) + 1):
        # Seven bits a byte, the lowest first; the highest bit says that more follows.
        length |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            content = frame[index:]
            is_whole = len(content) == length and content.startswith(_FLAG_AND_COMMAND)
            return content[len(_FLAG_AND_COMMAND) :] if is_whole else frame
    return frame
