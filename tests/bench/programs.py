"""The BPF programs that a process holds, as the kernel tells of them. Root."""
import contextlib
import ctypes
import os
import pathlib

BPF_PROG_GET_FD_BY_ID, BPF_OBJ_GET_INFO_BY_FD = 13, 15
SYS_BPF = 280 if os.uname().machine == "aarch64" else 321


class ProgInfo(ctypes.Structure):
    """struct bpf_prog_info of <linux/bpf.h>, up to `verified_insns` (Linux 5.16)."""
    _fields_ = [
        ("type", ctypes.c_uint32), ("id", ctypes.c_uint32), ("tag", ctypes.c_uint8 * 8),
        ("jited_prog_len", ctypes.c_uint32), ("xlated_prog_len", ctypes.c_uint32),
        ("instructions", ctypes.c_uint64 * 2),
        ("load_time", ctypes.c_uint64), ("created_by_uid", ctypes.c_uint32), ("nr_map_ids", ctypes.c_uint32),
        ("map_ids", ctypes.c_uint64), ("name", ctypes.c_char * 16), ("ifindex", ctypes.c_uint32),
        ("flags", ctypes.c_uint32), ("netns", ctypes.c_uint64 * 2), ("nr_jited", ctypes.c_uint32 * 2),
        ("jited", ctypes.c_uint64 * 2), ("btf_id", ctypes.c_uint32), ("func_info_rec_size", ctypes.c_uint32),
        ("func_info", ctypes.c_uint64), ("nr_func_info", ctypes.c_uint32), ("nr_line_info", ctypes.c_uint32),
        ("line_info", ctypes.c_uint64 * 2), ("line_info_sizes", ctypes.c_uint32 * 3), ("nr_prog_tags", ctypes.c_uint32),
        ("prog_tags", ctypes.c_uint64), ("run_time_ns", ctypes.c_uint64), ("run_cnt", ctypes.c_uint64),
        ("recursion_misses", ctypes.c_uint64), ("verified_insns", ctypes.c_uint32),
        ("attach_btf_obj_id", ctypes.c_uint32)]


class GetFd(ctypes.Structure):
    _fields_ = [("id", ctypes.c_uint32), ("next_id", ctypes.c_uint32), ("open_flags", ctypes.c_uint32)]


class GetInfo(ctypes.Structure):
    _fields_ = [("bpf_fd", ctypes.c_uint32), ("info_len", ctypes.c_uint32), ("info", ctypes.c_uint64)]


_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, attributes):
    result = _libc.syscall(SYS_BPF, command, ctypes.byref(attributes), ctypes.sizeof(attributes))
    if result < 0:
        raise OSError(ctypes.get_errno(), f"bpf({command})")
    return result


def _info(number):
    fd = _bpf(BPF_PROG_GET_FD_BY_ID, GetFd(id=number))
    try:
        info = ProgInfo()
        _bpf(BPF_OBJ_GET_INFO_BY_FD, GetInfo(fd, ctypes.sizeof(info), ctypes.addressof(info)))
        return info
    finally:
        os.close(fd)


def programs_by_id(pid):
    """Of the programs that a process holds: id -> ProgInfo."""
    held = set()
    for file in pathlib.Path("/proc", str(pid), "fdinfo").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            held |= {int(line.split()[1]) for line in file.read_text().splitlines() if line.startswith("prog_id:")}
    return {number: _info(number) for number in held}


def programs_of(pid):
    """Name -> ProgInfo. Of several programs with one name, one."""
    return {info.name.decode(): info for info in programs_by_id(pid).values()}
