"""A whole machine: real kernel, udev, cgroups, cameras; minutes where there is no virtualization.

KVM is taken where a guest really starts under it: having /dev/kvm is not enough, a rented machine
may offer one that does not get past the guest's first instructions.
"""

from __future__ import annotations

import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from vm import host
from vm.agent import Agent
from vm.guests import Ended, Guest, GuestError

MEMORY_MB = 2048
DISK_MB = 6144  # sparse: takes what is in it
PROBE_S = 15.0
KVM = ("kvm", "host,-arch-capabilities")
TCG = ("tcg,thread=multi", "max")
BOOT_S = {KVM: 90.0, TCG: 420.0}
POWER_OFF_S = 120.0
# What Debian starts and nothing here looks at: each costs an emulated processor seconds.
LEFT_OUT = (
    "apt-daily-upgrade.timer",
    "apt-daily.timer",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "getty@tty1.service",
    "modprobe@drm.service",
    "modprobe@efi_pstore.service",
    "sys-kernel-debug.mount",
    "sys-kernel-tracing.mount",
    "systemd-pstore.service",
)


def make_disk(root: Path, disk: Path) -> Path:
    """Makes a disk with an ext4 file system from a root file system."""
    disk.unlink(missing_ok=True)
    command = ["mke2fs", "-q", "-F", "-t", "ext4", "-d", str(root), str(disk), f"{DISK_MB}M"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode:
        raise GuestError(f"mke2fs: {done.stderr}")
    return disk


def accelerator(tree: Path) -> tuple[str, str]:
    """KVM or TCG, and the processor that goes with it. Found out once per boot of this machine."""
    memory = host.cache() / "accelerator"
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    known = memory.read_text().split() if memory.exists() else []
    if len(known) == 2 and known[0] == boot:
        return KVM if known[1] == "kvm" else TCG
    found = KVM if _kvm_boots(tree) else TCG
    memory.write_text(f"{boot} {found[0].partition(',')[0]}\n")
    return found


def _kvm_boots(tree: Path) -> bool:
    """Whether this kernel says something under KVM before it misses its root file system."""
    if not Path("/dev/kvm").exists():
        return False
    command = ["qemu-system-x86_64", "-accel", KVM[0], "-cpu", KVM[1], "-m", "512", "-nographic"]
    command += ["-no-reboot", "-nic", "none", "-kernel", str(_kernel(tree, "vmlinuz"))]
    command += ["-append", "console=ttyS0 panic=-1"]
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            said, _ = process.communicate(timeout=PROBE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            said, _ = process.communicate()
    return b"Unable to mount root" in said


class Emulator(Guest):
    """An emulated machine.

    Args:
        disk: What it boots from; it is not changed.
        tree: The root file system whose kernel it takes.
        directory: For its own disk, its console's output and its sockets.
    """

    def __init__(self, disk: Path, tree: Path, directory: Path) -> None:
        self.name = "emulated machine"
        self._tree, self._directory = tree, directory
        self._accelerator = accelerator(tree)
        self.kind = self._accelerator[0].partition(",")[0].upper()
        self._own_disk = directory / "disk.qcow2"
        self._stack = ExitStack()
        command = ["qemu-img", "create", "-q", "-f", "qcow2", "-F", "raw", "-b", str(disk)]
        subprocess.run([*command, str(self._own_disk)], check=True, timeout=60)
        try:
            self.power_on()
        except BaseException:
            self.close()
            raise

    def power_on(self) -> float:
        """Starts the machine and waits until it takes commands.

        Returns:
            The seconds that took.
        """
        started = time.monotonic()
        self._start()
        deadline_s = BOOT_S[self._accelerator]
        try:
            self._agent.wait(deadline_s)
        except GuestError as error:
            raise GuestError(f"{error}; its console ends with:\n{self.console()[-3000:]}") from None
        self.booted_s = time.monotonic() - started
        return self.booted_s

    def cut_power(self) -> None:
        """Ends the machine in the middle of whatever it does. Its disk stays as it is."""
        self._process.kill()
        self._process.wait()
        self._agent.close()

    def reboot(self) -> float:
        """Restarts the guest as an administrator does.

        Returns:
            The seconds from the request until it takes commands again.
        """
        started = time.monotonic()
        before = self.run("cat /proc/sys/kernel/random/boot_id")
        self._agent.shut_down("reboot")
        deadline = started + POWER_OFF_S + BOOT_S[self._accelerator]
        while time.monotonic() < deadline:
            try:
                self._agent.wait(10)
                if self.run("cat /proc/sys/kernel/random/boot_id") != before:
                    return time.monotonic() - started
            except GuestError:
                pass
            time.sleep(0.5)
        raise GuestError(f"no reboot; the console ends with:\n{self.console()[-3000:]}")

    def console(self) -> str:
        return (self._directory / "console").read_text(errors="replace")

    def is_running(self) -> bool:
        return self._process.poll() is None

    def ask(self, command: str, timeout_s: float) -> Ended:
        return self._agent.ask(command, timeout_s)

    def put(self, path: str, content: bytes) -> None:
        self._agent.put(path, content)

    def close(self) -> None:
        self._stack.close()

    def _start(self) -> None:
        accelerator, processor = self._accelerator
        command = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64"]
        command += ["-accel", accelerator, "-cpu", processor, "-smp", "2", "-m", str(MEMORY_MB)]
        command += [
            "-nodefaults",
            "-display",
            "none",
            "-kernel",
            str(_kernel(self._tree, "vmlinuz")),
        ]
        command += ["-initrd", str(_kernel(self._tree, "initrd.img"))]
        masks = " ".join(f"systemd.mask={unit}" for unit in LEFT_OUT)
        command += ["-append", f"root=/dev/vda rw console=ttyS0 quiet {masks}"]
        # What the guest has synced survives a cut of its power, and only that.
        drive = f"file={self._own_disk},format=qcow2,if=virtio,cache=writeback,discard=unmap"
        command += ["-drive", drive, "-nic", "user,model=virtio-net-pci"]
        command += ["-device", "virtio-rng-pci", "-serial", f"file:{self._directory}/console"]
        agent = self._directory / "agent"
        agent.unlink(missing_ok=True)
        command += ["-chardev", f"socket,id=agent,path={agent},server=on,wait=off"]
        command += ["-device", "virtio-serial"]
        command += ["-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"]
        log = (self._directory / "qemu.log").open("wb")
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT
        )
        log.close()
        self._stack.callback(_end, self._process)
        deadline = time.monotonic() + 20
        while not agent.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = (self._directory / "qemu.log").read_text(errors="replace")
                raise GuestError(f"QEMU does not start: {said}")
            time.sleep(0.05)
        self._agent = Agent(agent)
        self._stack.callback(self._agent.close)


def _kernel(tree: Path, name: str) -> Path:
    return max((tree / "boot").glob(f"{name}-*"))


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()  # its disk is thrown away: there is nothing to be saved
    process.wait()
