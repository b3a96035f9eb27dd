"""The tutorial's script with a reader thread and a queue between it and the model.

Called as `queue_script.py VIDEO MODEL HOST PORT TOPIC RATE THREADS`. The frames are decoded before
the start, so that the reader reaches any RATE; with RATE above the model's the queue only grows.
"""

import itertools
import json
import queue
import sys
import threading
import time

import cv2
import numpy as np
import paho.mqtt.client as mqtt
from ai_edge_litert.interpreter import Interpreter
from paho.mqtt.enums import CallbackAPIVersion

video, model, host, port, topic, rate, threads = sys.argv[1:]
interpreter = Interpreter(model_path=model, num_threads=int(threads))
interpreter.allocate_tensors()
source = interpreter.get_input_details()[0]
result = interpreter.get_output_details()[0]["index"]
height, width = source["shape"][1:3]
client = mqtt.Client(CallbackAPIVersion.VERSION2)
client.connect(host, int(port))
client.loop_start()
capture = cv2.VideoCapture(video)
pictures = [frame for ok, frame in iter(capture.read, (False, None)) if ok]
frames: queue.Queue[tuple[int, float, np.ndarray]] = queue.Queue()


def read() -> None:
    """Put frames at the rate of the camera, whatever becomes of them."""
    start = time.monotonic()
    for seq in itertools.count():
        time.sleep(max(0.0, start + seq / float(rate) - time.monotonic()))
        frames.put((seq, time.time(), pictures[seq % len(pictures)]))


threading.Thread(target=read, daemon=True).start()
while True:
    seq, ts, frame = frames.get()
    picture = cv2.cvtColor(cv2.resize(frame, (width, height)), cv2.COLOR_BGR2RGB)
    interpreter.set_tensor(source["index"], picture[np.newaxis])
    interpreter.invoke()
    keypoints = interpreter.get_tensor(result)[0, 0].tolist()
    client.publish(topic, json.dumps({"seq": seq, "ts": ts, "keypoints": keypoints}))
