"""An interpreter of classic BPF: no kernel is needed to see what a seccomp filter decides."""

from __future__ import annotations

import struct

from backrooms_tui.entity.seal import bpf


def run(program: bytes, number: int, *arguments: int, arch: int = bpf.ARCH_X86_64) -> int:
    """Run the program as the kernel would over struct seccomp_data; gives its verdict."""
    data = struct.pack("<IIQ6Q", number, arch, 0, *(a & 2**64 - 1 for a in (*arguments, *[0] * (6 - len(arguments)))))
    code = list(struct.iter_unpack("<HBBI", program))
    at = accumulator = 0
    while True:
        operation, if_true, if_false, operand = code[at]
        at += 1
        match operation:
            case 0x20:
                (accumulator,) = struct.unpack_from("<I", data, operand)
            case 0x15:
                at += if_true if accumulator == operand else if_false
            case 0x35:
                at += if_true if accumulator >= operand else if_false
            case 0x45:
                at += if_true if accumulator & operand else if_false
            case 0x06:
                return operand
            case _:
                raise AssertionError(f"unknown operation {operation:#x}")
