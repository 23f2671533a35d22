"""Attempts to run code that was not there at the seal. A command is code of its own: there they work by design."""

from __future__ import annotations

from .attempts import BY_DESIGN, HELD, table

RETURNS_42 = "bytes.fromhex('b82a000000c3')"

NATIVE = table(
    "native",
    {
        "mmap PROT_EXEC page and run it": "import mmap\n"
        "m = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)\n"
        f"m.write({RETURNS_42})\n"
        "at = ctypes.addressof(ctypes.c_char.from_buffer(m))\nresult = ctypes.CFUNCTYPE(ctypes.c_int)(at)()",
        "mprotect a heap page executable": "import mmap\nm = mmap.mmap(-1, 4096)\n"
        f"m.write({RETURNS_42})\n"
        "at = ctypes.addressof(ctypes.c_char.from_buffer(m))\nsyscall(10, at, 4096, 5)\n"
        "result = ctypes.CFUNCTYPE(ctypes.c_int)(at)()",
        "pkey_mprotect a heap page executable": "import mmap\nm = mmap.mmap(-1, 4096)\n"
        f"m.write({RETURNS_42})\n"
        "at = ctypes.addressof(ctypes.c_char.from_buffer(m))\nsyscall(329, at, 4096, 5, -1)\n"
        "result = ctypes.CFUNCTYPE(ctypes.c_int)(at)()",
        "rewrite a page of libc": "at = ctypes.cast(libc.fgetspent, ctypes.c_void_p).value; page = at & -4096\n"
        "syscall(10, page, 8192, 3)\n"
        f"ctypes.memmove(at, {RETURNS_42}, 6)\n"
        "syscall(10, page, 8192, 5)\nresult = libc.fgetspent()",
        "personality READ_IMPLIES_EXEC": "syscall(135, 0x400000)\nimport mmap\nm = mmap.mmap(-1, 4096)\n"
        f"m.write({RETURNS_42})\n"
        "at = ctypes.addressof(ctypes.c_char.from_buffer(m))\nresult = ctypes.CFUNCTYPE(ctypes.c_int)(at)()",
        "dlopen another library": "result = ctypes.CDLL('libutil.so.1')",
        "ctypes callback (libffi closure)": "result = ctypes.CFUNCTYPE(ctypes.c_int)(int)",
        "import of a module not preloaded (wave)": "import wave; result = wave",
        "import of an extension not preloaded (_sqlite3)": "import _sqlite3; result = _sqlite3",
    },
    hermetic=f"{HELD} X",
    command=f"{HELD} X {BY_DESIGN}",
)
