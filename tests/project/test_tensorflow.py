"""What *The same blocks in Keras* says of TensorFlow, run with TensorFlow.

The course does not need TensorFlow, so it has an environment of its own
here, with the Keras of the copied network, Keras 2, beside it.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from test_colab import environment

from tools import ROOT, notebooks

pytestmark = pytest.mark.long

PAGE = ROOT / "book" / "keras.ipynb"
VERSION = "2.21"
QUIET = "import os\nos.environ['TF_CPP_MIN_LOG_LEVEL'] = '3'\n"
NAMES = (
    "from importlib.util import find_spec\nimport numpy as np\n"
    "import tensorflow as tf\n"
)
# the copied network as its program has it: blocks as layers, a layer that
# takes away the axis of the single image, results of the pipeline dropped
COPIED = """
import json
import tf_keras as keras


class Block(keras.layers.Layer):
    def __init__(self, channels, kernel_size, strides):
        super().__init__()
        self.convolutions = [
            keras.layers.Conv2D(channels, k, strides, padding="same")
            for k in (kernel_size, 1, 1)
        ]

    def call(self, X):
        for convolution in self.convolutions:
            X = tf.nn.relu(convolution(X))
        return X


class Column(keras.layers.Layer):
    def call(self, X):
        return tf.squeeze(tf.reshape(X, (-1, 62, 1)), axis=0)


def pool():
    return keras.layers.MaxPool2D(3, strides=2, padding="same")


average = keras.layers.AveragePooling2D(padding="same")
net = keras.Sequential(
    [Block(96, 11, 4), pool(), Block(256, 5, 2), pool(), Block(384, 3, 1)]
    + [pool(), keras.layers.Dropout(0.5), Block(62, 4, 1), average, Column()]
)
images = np.random.default_rng(0).random((200, 28, 28, 1), "float32") - 0.5
labels = tf.one_hot(np.arange(200) // 100, 62)
dataset = tf.data.Dataset.from_tensor_slices((images[:, None], labels))
dataset.shuffle(1000)
dataset.batch(100)
net.compile(
    optimizer=keras.optimizers.Adam(0.001),
    loss=keras.losses.categorical_crossentropy,
    metrics=["accuracy"],
)
history = net.fit(dataset, epochs=2, verbose=0).history
print(json.dumps([average.pool_size, keras.__version__, history]))
"""

# losses of the scores 1, 2 and 5 for each target; a softmax, told to be
# logits or not, with the warning; numbers that a pipeline draws with Python
BACKEND = """
os.environ["KERAS_BACKEND"] = "tensorflow"
import json
import random
import warnings
from keras import layers, losses

sparse = losses.SparseCategoricalCrossentropy(reduction=None)
scores = np.array([[1.0, 2.0, 5.0]] * 3, "float32")
without = [float(loss) for loss in sparse(np.arange(3), scores)]
outputs = layers.Dense(3, activation="softmax")(scores)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    softmax = [
        float(losses.CategoricalCrossentropy(from_logits=told)(
            np.eye(3, dtype="float32"), outputs
        ))
        for told in (True, False)
    ]
numbers = tf.data.Dataset.range(40).map(lambda n: random.randint(1, 10))
drawn = sorted({int(number) for number in numbers})
print(json.dumps([without, softmax, str(caught[0].message), drawn]))
"""


@pytest.fixture(scope="module")
def tensorflow(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tensorflow") / "env"
    packages = [f"tensorflow-cpu=={VERSION}.*", f"tf_keras=={VERSION}.*"]
    return environment(folder, sys.executable, *packages)


def run(python: Path, source: str) -> str:
    command = [str(python), "-c", QUIET + NAMES + source]
    return subprocess.run(
        command, check=True, capture_output=True, text=True
    ).stdout


def cell(cell_id: str) -> str:
    found = {cell.id: cell.source for cell in notebooks.read(PAGE).cells}
    return found[cell_id]


def test_the_pipeline_prints_what_the_page_says(tensorflow):
    prose = cell("real-tf-data-output")
    expected = re.search(r"```text\n(.*?)```", prose, re.DOTALL)[1]
    assert f"With TensorFlow {VERSION} it prints" in prose
    assert run(tensorflow, cell("real-tf-data")) == expected


def test_the_copied_program_reports_what_the_page_says(tensorflow):
    pool_size, version, history = json.loads(
        run(tensorflow, COPIED).splitlines()[-1]
    )
    assert pool_size == [2, 2] and version.startswith("2.")
    assert all(loss != loss for loss in history["loss"])
    said = [f"{accuracy:.3f}" for accuracy in history["accuracy"]]
    assert set(said) == {"0.984"}
    prose = cell("classes-for-images-explained")
    assert f"Run with TensorFlow {VERSION} and Keras 2" in prose
    assert f"its accuracy {said[0]}" in prose


def test_the_backend_does_what_the_page_says(tensorflow):
    without, softmax, warning, drawn = json.loads(
        run(tensorflow, BACKEND).splitlines()[-1]
    )
    assert [f"{loss:.3f}" for loss in without] == ["1.099"] * 3
    prose = cell("no-score-is-negative-here-so-the-result")
    assert f"On TensorFlow {VERSION} the sparse loss" in prose
    assert "ln 3 ≈ 1.099" in prose
    assert softmax[0] == pytest.approx(softmax[1], abs=1e-5)
    assert "does not represent logits" in warning
    assert len(drawn) == 1  # one draw, while the function was traced
