"""The system calls that a kernel in the jail does without.

Memory that is got by them is in no process's count, or what they leave stays for the next submission, or they are
needed by nobody here and have often been the way out of a jail. Two are refused in part: sockets, but for one family
(some, such as that to the host of a virtual machine, know of no network namespaces), and memory that is shared without
a file (pages of it that no process touches are in no count).
"""

import ctypes
import errno
import platform
import struct
from collections.abc import Callable

# machine: what <linux/audit.h> calls it, and the numbers in its <asm/unistd.h>
CALLS = {
    "x86_64": (
        0xC000003E,
        {"socket": 41, "mmap": 9},
        {"shmget": 29, "semget": 64, "msgget": 68, "add_key": 248, "request_key": 249, "keyctl": 250}
        | {"perf_event_open": 298, "memfd_create": 319, "bpf": 321, "userfaultfd": 323}
        | {"io_uring_setup": 425, "memfd_secret": 447},
    ),
    "aarch64": (
        0xC00000B7,
        {"socket": 198, "mmap": 222},
        {"shmget": 194, "semget": 190, "msgget": 186, "add_key": 217, "request_key": 218, "keyctl": 219}
        | {"perf_event_open": 241, "memfd_create": 279, "bpf": 280, "userfaultfd": 282}
        | {"io_uring_setup": 425, "memfd_secret": 447},
    ),
}
X32 = 0x40000000  # x86_64 has each call a second time from here on
AF_UNIX, MAP_SHARED, MAP_ANONYMOUS = 1, 0x01, 0x20

# <linux/seccomp.h>, <linux/bpf_common.h>, <linux/prctl.h>
PR_SET_SECCOMP, SECCOMP_MODE_FILTER = 22, 2
ALLOW, REFUSE = 0x7FFF0000, 0x00050000 | errno.ENOSYS
LOAD, EQUAL, NOT_LESS, ANY_BIT, RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
NUMBER, MACHINE, FIRST, FOURTH = 0, 4, 16, 40  # where a filter finds the call, the machine, and two of the arguments


def program(machine: str = platform.machine()) -> bytes:
    """The filter as the kernel of the system reads it; LookupError where the numbers are not known."""
    if machine not in CALLS:
        raise LookupError(f"the system calls of {machine} are not known, only those of {' and '.join(CALLS)}")
    audit, some, refused = CALLS[machine]
    steps = [  # what to do, where to go on if it is so and if not (None: at the next step), and its operand
        (LOAD, None, None, MACHINE),
        (EQUAL, None, "refuse", audit),
        (LOAD, None, None, NUMBER),
        (NOT_LESS, "refuse", None, X32),
        *((EQUAL, "refuse", None, number) for number in refused.values()),
        (EQUAL, None, "not a socket", some["socket"]),
        (LOAD, None, None, FIRST),
        (EQUAL, "allow", "refuse", AF_UNIX),
        (EQUAL, None, "allow", some["mmap"]),
        (LOAD, None, None, FOURTH),
        (ANY_BIT, None, "allow", MAP_ANONYMOUS),
        (ANY_BIT, "refuse", "allow", MAP_SHARED),
        (RETURN, None, None, ALLOW),
        (RETURN, None, None, REFUSE),
    ]
    places = {"not a socket": len(steps) - 6, "allow": len(steps) - 2, "refuse": len(steps) - 1}
    code = b""
    for at, (step, *ways, operand) in enumerate(steps, 1):
        code += struct.pack("=HBBI", step, *(0 if way is None else places[way] - at for way in ways), operand)
    return code


def refuse(call: Callable, code: bytes) -> None:
    """Refuse these calls to this process and all that it starts, for good. `call`: calls the C library."""

    class Program(ctypes.Structure):
        _fields_ = (("length", ctypes.c_ushort), ("code", ctypes.c_char_p))

    call("prctl", PR_SET_SECCOMP, SECCOMP_MODE_FILTER, ctypes.byref(Program(len(code) // 8, code)))
