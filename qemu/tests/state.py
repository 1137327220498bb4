#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only
"""state.py QEMU PROGRAM: the permission overlay registers as QEMU itself sees them.

The gdb stub lists and reads them, and a migration carries them over. PROGRAM, the bare-metal
test poe-tlb, must pass although snapshots of it are loaded in place. Prints TAP.
"""

import json
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time

# What the guest writes to each register: (name, op1, value).
REGISTERS = [
    ("POR_EL0", 3, 0x0123456776543210),
    ("POR_EL1", 0, 0x7777000011112222),
    ("POR_EL2", 4, 0xfedcba9876543210),
]


def guest():
    """Code that writes the registers of REGISTERS (CRn 10, CRm 2, op2 4) and loops."""
    code = []
    for _, op1, value in REGISTERS:
        for half in range(4):  # movz, movk x0, #imm16, lsl #(16 * half)
            imm = value >> 16 * half & 0xffff
            code.append((0xf2800000 if half else 0xd2800000) | half << 21 | imm << 5)
        code.append(0xd5180000 | op1 << 16 | 10 << 12 | 2 << 8 | 4 << 5)  # msr
    code.append(0x14000000)  # b .
    return b"".join(struct.pack("<I", insn) for insn in code)


# How often a snapshot is taken, and loaded a little later.
SNAPSHOTS = 10


class Peer:
    """A socket on which QEMU listens."""

    def __init__(self, path, process):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(20)
        self.process = process
        while True:
            try:
                self.sock.connect(path)
                return
            except (FileNotFoundError, ConnectionRefusedError):
                if process.poll() is not None:
                    self.ended()

    def ended(self):
        sys.exit(f"state.py: QEMU ended: {self.process.stderr.readline().decode().strip()}")


class Gdb(Peer):
    """The remote protocol of gdb, as far as it is used here."""

    def packet(self):
        data = b""
        while not re.fullmatch(rb"\+*\$[^#]*#..", data, re.S):
            data += self.sock.recv(1) or self.ended()
        self.sock.send(b"+")
        return data[data.index(b"$") + 1:-3]

    def ask(self, text):
        data = text.encode()
        self.sock.send(b"$%s#%02x" % (data, sum(data) & 0xff))
        return self.packet()

    def feature(self, name):
        text = b""
        while True:
            part = self.ask(f"qXfer:features:read:{name}:{len(text):x},ffb")
            text += re.sub(rb"}(.)", lambda m: bytes([m[1][0] ^ 0x20]), part[1:], flags=re.S)
            if part[:1] == b"l":
                return text.decode()

    def numbers(self):
        """Maps the names of all registers to their numbers."""
        result, number = {}, 0
        for name in re.findall(r'<xi:include href="([^"]*)"', self.feature("target.xml")):
            for tag in re.findall(r"<reg [^>]*>", self.feature(name)):
                given = re.search(r'regnum="(\d+)"', tag)
                number = int(given[1]) if given else number
                result[re.search(r'name="([^"]*)"', tag)[1]] = number
                number += 1
        return result

    def read(self, number):
        return int.from_bytes(bytes.fromhex(self.ask(f"p{number:x}").decode()), "little")


class Qmp(Peer):
    """QEMU's control socket."""

    def __init__(self, path, process):
        super().__init__(path, process)
        self.lines = self.sock.makefile("r")
        self.lines.readline()
        self.run("qmp_capabilities")

    def job(self, command, **arguments):
        """A command that goes on in the background."""
        self.run(command, job_id="job", **arguments)
        while True:
            state = self.run("query-jobs")[0]
            if state["status"] == "concluded":
                break
            time.sleep(0.01)
        self.run("job-dismiss", id="job")
        if "error" in state:
            sys.exit(f"state.py: {command}: {state['error']}")

    def run(self, command, **arguments):
        arguments = {name.replace("_", "-"): value for name, value in arguments.items()}
        self.sock.send(json.dumps({"execute": command, "arguments": arguments}).encode())
        while True:
            answer = json.loads(self.lines.readline() or self.ended())
            if "error" in answer:
                sys.exit(f"state.py: {command}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]


class Machine:
    """A virtual machine, and what it shows of the registers."""

    def __init__(self, qemu, work, name, *options):
        base = os.path.join(work, name)
        self.process = subprocess.Popen(
            [qemu, "-M", "virt,virtualization=on", "-cpu", "max", "-m", "64M", "-nic", "none",
             "-display", "none", "-serial", "none", "-monitor", "none",
             "-qmp", f"unix:{base}.qmp,server=on,wait=off", "-gdb", f"unix:{base}.gdb,server=on,wait=off",
             *options], stderr=subprocess.PIPE)
        self.qmp = Qmp(f"{base}.qmp", self.process)
        self.base = base

    def wait(self, command, states):
        while True:
            status = self.qmp.run(command).get("status")
            if status in states:
                return status

    def registers(self):
        gdb = Gdb(f"{self.base}.gdb", self.process)
        numbers = gdb.numbers()
        return {name: gdb.read(numbers[name]) if name in numbers else None for name, _, _ in REGISTERS}

    def end(self):
        self.process.kill()
        self.process.wait()


def snapshots(qemu, work, program):
    """Returns what is wrong with a run of the program in which time goes back, or nothing."""
    out = os.path.join(work, "out")
    disk = os.path.join(work, "disk")
    machine = Machine(qemu, work, "snapshots", "-S", "-m", "256M", "-kernel", program,
                      "-semihosting-config", "enable=on,target=native,chardev=out,arg=2",
                      "-chardev", f"file,id=out,path={out}")
    run, job = machine.qmp.run, machine.qmp.job
    job("blockdev-create", options={"driver": "file", "filename": disk, "size": 0})
    run("blockdev-add", driver="file", filename=disk, node_name="file")
    job("blockdev-create", options={"driver": "qcow2", "file": "file", "size": 1 << 28})
    run("blockdev-add", driver="qcow2", file="file", node_name="disk")
    run("cont")
    turn = 0
    try:
        while turn < SNAPSHOTS:
            # Load each of them from what may be anywhere else in the program.
            time.sleep(0.02)
            job("snapshot-save", tag=f"s{turn}", vmstate="disk", devices=["disk"])
            time.sleep(0.02 * (turn % 3))
            job("snapshot-load", tag=f"s{turn}", vmstate="disk", devices=["disk"])
            turn += 1
    except (OSError, SystemExit):
        # The program may be through before that.
        if machine.process.wait(20) or turn < SNAPSHOTS // 2:
            return f"QEMU ended with {machine.process.returncode} after {turn} snapshots"
    try:
        status = machine.process.wait(120)
    except subprocess.TimeoutExpired:
        machine.end()
        return "it does not come to an end"
    with open(out, encoding="ascii") as file:
        text = file.read()
    if status or not re.search("^PASS: ", text, re.M):
        return (re.findall("^(?:MISMATCH|FAIL).*", text, re.M) or [f"it ended with {status}"])[0]
    return None


def main():
    if len(sys.argv) != 3:
        sys.exit("state.py: which QEMU, which program?")
    failed = 0
    count = 0

    def check(name, seen, wanted):
        nonlocal failed, count
        count += 1
        failed += seen != wanted
        text = "missing" if seen is None else f"{seen:#x}"
        print(f"ok {count} {name}" if seen == wanted else f"not ok {count} {name}: {text}, not {wanted:#x}")

    with tempfile.TemporaryDirectory() as work:
        image = os.path.join(work, "image")
        with open(image, "wb") as file:
            file.write(guest())
        state = os.path.join(work, "state")
        source = Machine(sys.argv[1], work, "source", "-device", f"loader,file={image},addr=0x40200000,cpu-num=0")
        last = REGISTERS[-1]
        # gdb stops the machine, so each look lets it run a little further.
        while source.registers()[last[0]] not in (None, last[2]):
            source.qmp.run("cont")
        seen = source.registers()
        for name, _, value in REGISTERS:
            check(f"gdb reads {name}", seen[name], value)
        source.qmp.run("migrate", uri=f"file:{state}")
        if source.wait("query-migrate", ("completed", "failed")) == "failed":
            sys.exit("state.py: the migration failed")
        source.end()
        target = Machine(sys.argv[1], work, "target", "-S", "-incoming", f"file:{state}")
        target.wait("query-status", ("paused", "prelaunch", "postmigrate"))
        seen = target.registers()
        for name, _, value in REGISTERS:
            check(f"{name} after migration", seen[name], value)
        target.end()
        wrong = snapshots(sys.argv[1], work, sys.argv[2])
        count += 1
        failed += wrong is not None
        print(f"not ok {count} snapshots in place: {wrong}" if wrong else f"ok {count} snapshots in place")
    print(f"1..{count}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
