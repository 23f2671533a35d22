"""Reading the dynamic symbols of the vDSO: just enough ELF, on bytes. Pure."""

from __future__ import annotations

import struct

_DYNAMIC = 2
_HASH, _STRINGS, _SYMBOLS = 4, 5, 6
_SYMBOL = struct.Struct("<IBBHQQ")
_FUNCTION = 2


def find_functions(image: bytes) -> dict[str, tuple[int, int]]:
    """The `__vdso_` functions of a 64-bit ELF image: name to (offset, size). Empty when it has no symbol table.

    `__vdso_sgx_enter_enclave` is left out: it tells no time.
    """
    tables = _tables(image)
    if not {_STRINGS, _SYMBOLS} <= tables.keys():
        return {}
    # The string table follows the symbols in every vDSO the kernel has linked; DT_HASH, where present, counts them.
    symbols, strings = tables[_SYMBOLS], tables[_STRINGS]
    count = struct.unpack_from("<II", image, tables[_HASH])[1] if _HASH in tables else (strings - symbols) // 24
    found = {}
    for index in range(count):
        name_at, info, _, _, offset, size = _SYMBOL.unpack_from(image, symbols + index * _SYMBOL.size)
        name = image[strings + name_at : image.index(b"\0", strings + name_at)].decode("ascii", "replace")
        if info & 15 == _FUNCTION and name.startswith("__vdso_") and "sgx" not in name:
            found[name] = (offset, size)
    return found


def _tables(image: bytes) -> dict[int, int]:
    """Entries of the dynamic section: tag to value; offsets, since a vDSO is linked at 0."""
    headers_at, headers_size, headers = (
        struct.unpack_from("<Q", image, 32)[0],
        *struct.unpack_from("<HH", image, 54),
    )
    for index in range(headers):
        at = headers_at + index * headers_size
        if struct.unpack_from("<I", image, at)[0] == _DYNAMIC:
            offset, length = struct.unpack_from("<Q", image, at + 8)[0], struct.unpack_from("<Q", image, at + 32)[0]
            return dict(struct.iter_unpack("<QQ", image[offset : offset + length]))
    return {}
