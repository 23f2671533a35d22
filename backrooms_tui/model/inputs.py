"""The input rules of seed 000, byte for byte: everything that happens to input before the entity sees it.

In the seed's order: UTF-8 validation, size check, null byte stripping, trailing white space. Nothing else is
parsed or changed.
"""

from __future__ import annotations

from .errors import InputSizeExceeded, InvalidInputEncoding
from .limits import MAX_INPUT_SIZE


def normalise(data: bytes, *, max_size: int = MAX_INPUT_SIZE) -> str:
    """Give the text that is stored and handed to the entity. Raises InvalidInputEncoding, InputSizeExceeded.

    The size is that of the bytes as they came, before anything is stripped. The result may be empty.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidInputEncoding(f"AT BYTE: {error.start}") from None
    if len(data) > max_size:
        raise InputSizeExceeded(f"MAX: {max_size} bytes", f"SIZE: {len(data)} bytes")
    return text.replace("\0", "").rstrip()
