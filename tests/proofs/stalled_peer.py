"""A broker that stops reading for a minute costs no memory: `python stalled_peer.py [SECONDS]`.

The real daemon publishes as fast as a tiny model answers, to a real Mosquitto that is suspended.
Its memory is read before and after. Once Mosquitto goes on, it first reads what its own kernel had
taken, which no sender can take back; then everything is fresh.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))

import tiny_models
from brokers import ANYBODY, Broker, Subscriber, until
from daemons import TOPICS, Daemon, configuration, poses, write_clip

from edged import processes

MOST_GROWTH_MB = 3.0


def main() -> int:
    """Stall, measure, print. Returns 1 when memory grew."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        model = directory / "pose.tflite"
        model.write_bytes(tiny_models.pose_model())
        clip = write_clip(directory / "clip.avi")
        with Broker(directory, ANYBODY) as broker, Subscriber(broker.port) as subscriber:
            config = configuration(clip, model, broker.port)
            fast = msgspec.structs.replace(config.camera, pace="fast")
            steady = msgspec.structs.replace(config.mqtt, keepalive_s=3600)
            config = msgspec.structs.replace(config, camera=fast, mqtt=steady)
            with Daemon(directory, config) as daemon:
                until(lambda: len(poses(subscriber)) > 1000, "a thousand poses")
                family = processes.family(daemon.process.pid)
                before_mb = processes.resident_mb(family)
                told = len(subscriber.of(TOPICS.pose))
                with broker.suspended():
                    time.sleep(seconds)
                    after_mb = processes.resident_mb(family)
                    resumed = time.time()
                until(lambda: poses(subscriber)[-1].ts > resumed, "fresh poses")
                late = [pose for pose in poses(subscriber)[told:] if pose.ts < resumed - 2.0]
                daemon.stop()
    growth_mb = after_mb - before_mb
    print(f"{seconds:g} s without a reader: {before_mb:.1f} MB before, {after_mb:.1f} MB after")
    print(f"old messages after it: {len(late)}, from the kernel's buffers; then fresh ones")
    return int(growth_mb > MOST_GROWTH_MB)


if __name__ == "__main__":
    os.environ.setdefault("EDGED_DEBUG", "")
    sys.exit(main())
