"""Scans on several devices and in several processes, on the loopback interface."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import pytest
import yaml

from bsnunu_jax.cli import main
from bsnunu_jax.scan import open_scan
from bsnunu_jax.scan.card import ScanCard
from bsnunu_jax.scan.plan import make_plan
from bsnunu_jax.scan.run import batch_size, columns, run_scan

CARD = {
    "title": "small",
    "model": "neutrinos",
    "design": {
        "points": 60_000,
        "parameters": {
            "CR_tautau": {"uniform": [-20, 20]},
            "CR_mutau": {"uniform": [-20, 20], "also": ["CR_taumu"]},
        },
    },
    "observables": ["R_K_nunu", "R_Kstar_nunu", "F_L(B0->K*0inv)"],
    "select": {"blue": {"R_K_nunu": {"min": 3.6, "max": 7.0}}},
    "chunk": 7_000,
}


def card(folder: Path, **changes: object) -> Path:
    path = folder / "card.yaml"
    path.write_text(yaml.safe_dump(CARD | changes))
    return path


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def start(path: Path, out: Path, *options: str, devices: int = 1) -> subprocess.Popen[str]:
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    return subprocess.Popen(
        [sys.executable, "-m", "bsnunu_jax", "scan", str(path), "--out", str(out), *options],
        env=os.environ | {"XLA_FLAGS": flags},
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def start_all(path: Path, out: Path, count: int, *options: str) -> list[subprocess.Popen[str]]:
    port = free_port()
    return [
        start(
            path,
            out,
            "--coordinator",
            f"127.0.0.1:{port}",
            "--processes",
            str(count),
            "--process",
            str(i),
            *options,
        )
        for i in range(count)
    ]


def points(out: Path) -> dict[str, bytes]:
    found = {p.name: p.read_bytes() for p in (out / "points").glob("*.nc")}
    return found | {"scan.nc": (out / "scan.nc").read_bytes()}


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One process, one device."""
    folder = tmp_path_factory.mktemp("alone")
    run_scan(ScanCard(card(folder)), folder / "out", quiet=True)
    return folder / "out"


def test_processes_leave_the_store_of_one(alone: Path, tmp_path: Path) -> None:
    started = start_all(card(tmp_path), tmp_path / "out", 2)
    outputs = [p.communicate(timeout=300) for p in started]
    assert [p.returncode for p in started] == [0] * 2, outputs
    assert "60,000 points" in outputs[0][0]
    assert points(tmp_path / "out") == points(alone)


def test_several_devices_give_the_same_numbers(alone: Path, tmp_path: Path) -> None:
    """To rounding: loops over a quarter of the points end elsewhere."""
    process = start(card(tmp_path), tmp_path / "out", devices=4)
    _, errors = process.communicate(timeout=300)
    assert process.returncode == 0
    assert "on 4 devices" in errors
    with open_scan(tmp_path / "out") as found, open_scan(alone) as expected:
        assert set(found) == set(expected)
        for name in found:
            np.testing.assert_allclose(found[name], expected[name], rtol=1e-14)
        for name in ("CR_tautau", "CR_mutau", "blue"):
            np.testing.assert_array_equal(found[name], expected[name])


def test_a_lost_process_and_a_resume_lose_nothing(alone: Path, tmp_path: Path) -> None:
    """Process 2 of 3 is killed in the middle; one process goes on where three have ended."""
    many = card(tmp_path, chunk=700)
    started = start_all(many, tmp_path / "out", 3)
    folder = tmp_path / "out" / "points"
    ours = [folder / f"{c:09d}.nc" for c in (2, 5)]
    for _ in range(1200):
        if any(p.exists() for p in ours):
            break
        time.sleep(0.05)
    started[2].send_signal(signal.SIGKILL)
    outputs = [p.communicate(timeout=300) for p in started]
    assert started[2].returncode == -signal.SIGKILL, "it was too quick to be killed"
    assert started[0].returncode == 1
    (line,) = [x for x in outputs[0][1].splitlines() if x.startswith("bsnunu: error")]
    assert "--resume" in line
    assert started[1].returncode != 0  # likewise, or ended by JAX as the first one has left
    written = {p: p.stat().st_mtime_ns for p in folder.glob("*.nc")}
    assert written
    assert not (tmp_path / "out" / "scan.nc").exists()
    again = start(many, tmp_path / "out", "--resume")
    outputs = [again.communicate(timeout=300)]
    assert again.returncode == 0, outputs
    assert all(p.stat().st_mtime_ns == t for p, t in written.items())
    with open_scan(tmp_path / "out") as found, open_scan(alone) as expected:
        for name in ("CR_tautau", "CR_mutau", "blue"):
            np.testing.assert_array_equal(found[name], expected[name])
        np.testing.assert_allclose(found["R_K_nunu"], expected["R_K_nunu"], rtol=1e-14)


def test_a_refusal_stops_all_processes(alone: Path, tmp_path: Path) -> None:
    """The folder has the scan of another card: nothing is computed, all end with exit code 2."""
    shutil.copytree(alone, tmp_path / "out")
    before = points(tmp_path / "out")
    started = start_all(card(tmp_path, seed=2), tmp_path / "out", 2)
    outputs = [p.communicate(timeout=300) for p in started]
    assert [p.returncode for p in started] == [2, 2], outputs
    assert "another card" in outputs[0][1]
    assert "the first process was refused" in outputs[1][1]
    assert points(tmp_path / "out") == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--coordinator", "host", "--processes", "2", "--process", "0"], "has no port"),
        (["--process", "1"], "go together"),
        (["--out", ""], "has no name"),
        (["--coordinator", "127.0.0.1:1", "--processes", "2", "--process", "2"], "allowed: 0 to 1"),
    ],
)
def test_bad_options_are_one_line(
    options: list[str], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["scan", str(card(tmp_path)), "--out", str(tmp_path / "out"), *options])
    assert caught.value.code == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert message.removeprefix("allowed: ") in line
    assert not (tmp_path / "out").exists()


def test_batches_fit_into_the_memory_of_an_accelerator(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two devices: an eighth of their memory, 8 bytes a number, equal parts of a chunk, aligned."""

    class Device:
        platform = "gpu"

        def memory_stats(self) -> dict[str, int]:
            return {"bytes_limit": 80_000_000}

    design = CARD["design"] | {"points": 200_000}
    changes = {"chunk": 200_000, "design": design, "observables": ["R_K_nunu"]}
    small = ScanCard(card(tmp_path, **changes))  # no F_L: polynomials
    plan = make_plan(small.study, small.design)
    on_cpu = batch_size(small, plan)
    monkeypatch.setattr(jax, "local_devices", lambda: [Device(), Device()])
    found = batch_size(small, plan)
    assert found == 128 * 1563 > on_cpu
    monkeypatch.setattr(Device, "memory_stats", lambda self: {"bytes_limit": 12_800_000})
    assert len(columns(small)) == 4  # 50,000 points a device, so two parts
    assert batch_size(small, plan) == 128 * 782
