"""The script that every tutorial shows: read, resize, invoke, publish, one after the other.

Called as `script.py VIDEO MODEL HOST PORT TOPIC RATE THREADS`; RATE 0: as fast as it goes.
"""

import itertools
import json
import sys
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
start = time.monotonic()
for seq in itertools.count():
    if float(rate):
        time.sleep(max(0.0, start + seq / float(rate) - time.monotonic()))
    ts = time.time()
    ok, frame = capture.read()
    if not ok:
        capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
        ok, frame = capture.read()
    picture = cv2.cvtColor(cv2.resize(frame, (width, height)), cv2.COLOR_BGR2RGB)
    interpreter.set_tensor(source["index"], picture[np.newaxis])
    interpreter.invoke()
    keypoints = interpreter.get_tensor(result)[0, 0].tolist()
    client.publish(topic, json.dumps({"seq": seq, "ts": ts, "keypoints": keypoints}))
