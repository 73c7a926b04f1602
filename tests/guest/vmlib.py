"""vmlib.py - boot the guest program in QEMU's microvm machine without the rest of reconcile."""
import json
import os
import shutil
import socket
import subprocess
import time

from agentlib import Agent, true, wait_until

PORTS = [f"agent{i}" for i in range(4)]
BOOT_S = 120  # only so that a broken test ends


def boot_record(**more):
    record = {"v": 1, "vm": "t", "instance": "1a2b3c4d", "nonce": "0123456789abcdef", "hostname": "t-host",
              "init": "auto", "argv": [], "env": [], "cwd": "/", "user": "", "stop_signal": "SIGTERM",
              "stop_grace_ms": 10000, "net": [], "power": "off"}
    record.update(more)
    text = json.dumps(record).encode()
    data = b"RCBOOT1\n%08x\n" % len(text) + text
    return data + b"\0" * (-len(data) % 4096)


def make_kernel(build, state, kernel, modules):
    request = {"file": kernel, "modules": modules, "guest": build + "/reconcile-guest", "state_dir": state}
    out = subprocess.run([build + "/tests/guest/kernel_make", json.dumps(request)], stdout=subprocess.PIPE,
                         check=True).stdout
    made = json.loads(out)
    return os.path.join(state, made["file"]), os.path.join(state, made["initrd"])


def busybox_tree(path):
    """A root with busybox, users, and nothing of what the guest program mounts."""
    for d in ("bin", "etc", "tmp", "sbin"):
        os.makedirs(os.path.join(path, d))
    shutil.copy(shutil.which("busybox"), path + "/bin/busybox")
    for name in subprocess.run([path + "/bin/busybox", "--list"], stdout=subprocess.PIPE, text=True,
                               check=True).stdout.split():
        if name not in ("busybox", "init", "linuxrc"):
            os.symlink("busybox", f"{path}/bin/{name}")
    with open(path + "/etc/passwd", "w") as f:
        f.write("root:x:0:0:root:/root:/bin/sh\nweb:x:101:102:web:/srv:/bin/sh\n")
    with open(path + "/etc/group", "w") as f:
        f.write("root:x:0:\nweb:x:102:\nlog:x:103:web\n")


def make_disk(tree, disk, mib, grow_to=0):
    subprocess.run(["mke2fs", "-q", "-F", "-t", "ext4", "-d", tree, "-E", "root_owner=0:0", disk, f"{mib}M"],
                   check=True, stdout=subprocess.DEVNULL)
    if grow_to:
        os.truncate(disk, grow_to << 20)


class Vm:
    def __init__(self, work, kernel, disk, record, tsc_khz, net=False):
        os.makedirs(work)
        self.work = work
        with open(work + "/boot.img", "wb") as f:
            f.write(record)
        argv = ["qemu-system-x86_64", "-M", "microvm,acpi=on", "-accel", "tcg,tb-size=64", "-cpu", "max",
                "-smp", "1", "-m", "128", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-kernel", kernel[0], "-initrd", kernel[1],
                "-append", f"console=ttyS0 reboot=k panic=1 quiet tsc_early_khz={tsc_khz}",
                "-qmp", f"unix:{work}/qmp,server=on,wait=off",
                "-chardev", f"file,id=con,path={work}/console", "-serial", "chardev:con",
                "-device", "i8042", "-device", "pvpanic", "-device", "virtio-rng-device",
                "-drive", f"if=none,id=root,format=raw,file={disk}", "-device", "virtio-blk-device,drive=root",
                "-drive", f"if=none,id=boot,format=raw,readonly=on,file={work}/boot.img",
                "-device", "virtio-blk-device,drive=boot", "-device", "virtio-serial-device"]
        for i, port in enumerate(PORTS):
            argv += ["-chardev", f"socket,id={port},path={work}/{port},server=on,wait=off",
                     "-device", f"virtserialport,chardev={port},name=reconcile.agent.{i}"]
        for port in ("report", "output"):
            argv += ["-chardev", f"file,id={port},path={work}/{port}",
                     "-device", f"virtserialport,chardev={port},name=reconcile.{port}"]
        if net:
            argv += ["-netdev", "user,id=n0", "-device",
                     "virtio-net-device,netdev=n0,mac=52:54:00:12:34:56"]
        self.log = open(work + "/qemu.log", "wb")
        self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        self.qmp_sock = None

    def text(self, name):
        try:
            with open(f"{self.work}/{name}", errors="replace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def events(self):
        return [json.loads(line) for line in self.text("report").splitlines()]

    def names(self):
        return [e["ev"] for e in self.events()]

    def wait_event(self, name):
        wait_until(lambda: name in self.names() or self.child.poll() is not None, BOOT_S)
        true(name in self.names(), f"no {name!r}; events {self.events()}; console: {self.text('console')[-1500:]}")

    def wait_end(self):
        try:
            self.child.wait(BOOT_S)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"QEMU did not end; console: {self.text('console')[-1500:]}") from None

    def agent(self, i=0, v=1):
        wait_until(lambda: os.path.exists(f"{self.work}/agent{i}"))
        return Agent(f"{self.work}/agent{i}", timeout=BOOT_S, v=v)

    def qmp(self, command, **args):
        if not self.qmp_sock:
            self.qmp_sock = socket.socket(socket.AF_UNIX)
            self.qmp_sock.settimeout(BOOT_S)
            self.qmp_sock.connect(self.work + "/qmp")
            self.qmp_file = self.qmp_sock.makefile("rw")
            self.qmp_file.readline()
            self.qmp("qmp_capabilities")
        self.qmp_file.write(json.dumps({"execute": command, "arguments": args}) + "\n")
        self.qmp_file.flush()
        while "return" not in json.loads(self.qmp_file.readline()):
            pass

    def kill(self):
        if self.child.poll() is None:
            self.child.kill()
            self.child.wait()
        self.log.close()


def cpu_of(pid):
    with open(f"/proc/{pid}/stat") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def settle(what, seconds=0.5):
    """Wait until what() has not changed for a while."""
    last, since = what(), time.monotonic()
    while time.monotonic() - since < seconds:
        time.sleep(0.05)
        now = what()
        if now != last:
            last, since = now, time.monotonic()
    return last
