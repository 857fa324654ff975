"""A float network for handwritten digits, quantized: writes model.onnx, rows.npz and prints both accuracies.

pip install onnx onnxruntime scikit-learn
"""

import numpy
import onnx
import onnxruntime
import onnxruntime.quantization as q
import onnxruntime.quantization.shape_inference as shapes
from onnx import TensorProto, helper, numpy_helper
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

pixels, labels = load_digits(return_X_y=True)
pixels = (pixels / 16).astype(numpy.float32)
train, test, train_labels, test_labels = train_test_split(pixels, labels, test_size=360, random_state=1)
network = MLPClassifier([32], max_iter=400, random_state=1).fit(train, train_labels)

# Any exporter does: this is what torch.onnx.export writes of two linear layers.
constants = {
    name: numpy_helper.from_array(value.astype(numpy.float32), name)
    for index, (weights, bias) in enumerate(zip(network.coefs_, network.intercepts_))
    for name, value in ((f"w{index}", weights), (f"b{index}", bias))
}
graph = helper.make_graph(
    [
        helper.make_node("Gemm", ["pixels", "w0", "b0"], ["hidden"], "hidden"),
        helper.make_node("Relu", ["hidden"], ["relu"], "relu"),
        helper.make_node("Gemm", ["relu", "w1", "b1"], ["logits"], "logits"),
        helper.make_node("Softmax", ["logits"], ["digit"], "softmax", axis=1),
    ],
    "digits",
    [helper.make_tensor_value_info("pixels", TensorProto.FLOAT, ["n", 64])],
    [helper.make_tensor_value_info("digit", TensorProto.FLOAT, ["n", 10])],
    list(constants.values()),
)
onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), "float.onnx")


class Rows(q.CalibrationDataReader):
    """Rows that show the quantizer which values occur."""

    def __init__(self, rows):
        self.rows = iter([{"pixels": rows[i : i + 1]} for i in range(len(rows))])

    def get_next(self):
        return next(self.rows, None)


shapes.quant_pre_process("float.onnx", "shaped.onnx", skip_symbolic_shape=True)
q.quantize_static(
    "shaped.onnx",
    "model.onnx",
    Rows(train[:200]),
    quant_format=q.QuantFormat.QOperator,
    nodes_to_exclude=["softmax"],  # stays float, outside the proof
)
numpy.savez("rows.npz", pixels=test[:16])

for name in ("float.onnx", "model.onnx"):
    answers = onnxruntime.InferenceSession(name).run(None, {"pixels": test})[0].argmax(1)
    print(f"{name}: {(answers == test_labels).mean():.1%} of {len(test)} digits")
