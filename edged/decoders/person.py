"""The place to look at next, for models that look for one person.

The crop that follows a person is MoveNet's, and so are its numbers:
https://www.tensorflow.org/hub/tutorials/movenet
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edged.types import KEYPOINT_SEEN, Pose, Region

SHOULDERS = slice(5, 7)
HIPS = slice(11, 13)
TORSO = [5, 6, 11, 12]

TORSO_MARGIN = 1.9
BODY_MARGIN = 1.2
"""Half the side of the crop, in reaches of the torso and of the whole body from the mid-hip."""

SMALLEST_CROP = 0.1
"""Side of the smallest crop, in longer sides of the frame: nobody smaller is found to begin with,
and keypoints that fall together would otherwise ask for a crop of no size."""


def next_region(found: Sequence[Pose], frame_size: tuple[int, int]) -> Region:
    """Where to look in the next frame: a square that follows the person.

    It is centred on the hips and reaches 1.9 times as far as the torso or 1.2 times as far as the
    body, whichever is more. The whole frame, padded to a square, is looked at when nobody was
    found, when not at least a shoulder and a hip are seen, and when the square would be larger.

    Args:
        found: the poses of this frame, as `edged.decoders.people` gives them.
        frame_size: width and height in pixels.

    Returns:
        A square of at least a tenth of the frame's longer side, with every torso joint seen.
    """
    width, height = frame_size
    longer = float(max(width, height))
    whole = Region((width - longer) / 2, (height - longer) / 2, longer, longer)
    if not found:
        return whole
    keypoints = found[0].keypoints
    seen = keypoints[:, 2] > KEYPOINT_SEEN
    if not (seen[SHOULDERS].any() and seen[HIPS].any()):
        return whole
    points = keypoints[:, :2].astype(np.float64) * frame_size
    centre = points[HIPS][seen[HIPS]].mean(axis=0)
    reach = np.abs(points - centre).max(axis=1) * seen
    half = float(max(TORSO_MARGIN * reach[TORSO].max(), BODY_MARGIN * reach.max()))
    half = max(half, SMALLEST_CROP * longer / 2)
    if half > longer / 2:
        return whole
    return Region(float(centre[0]) - half, float(centre[1]) - half, 2 * half, 2 * half)
