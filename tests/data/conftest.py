"""Real image files for the tests of data."""

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def save():
    """Write one small photograph of noise; its suffix says in which format."""

    def write(path, seed=0):
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.random.default_rng(seed).integers(0, 256, (9, 12, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(path)
        return path

    return write
