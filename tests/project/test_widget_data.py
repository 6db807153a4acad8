"""The script from which a page runs the compact NiN."""

import base64
import json
from array import array

import torch
from safetensors.torch import load_file
from torch.nn import functional as F

from onebyone.models import load_compact_nin
from tools.site import widget_data


def test_tensors_are_read_as_safetensors_reads_them():
    ours = widget_data.read_safetensors(widget_data.WEIGHTS)
    theirs = load_file(widget_data.WEIGHTS)
    floats = {k: v for k, v in theirs.items() if v.dtype == torch.float32}
    assert ours.keys() == floats.keys()
    for name, (shape, values) in ours.items():
        assert torch.equal(torch.tensor(values).reshape(shape), theirs[name])


def test_the_folded_network_gives_the_same_class_maps():
    torch.manual_seed(0)
    X = torch.randn(4, 1, 28, 28)
    maps = X
    tensors = widget_data.read_safetensors(widget_data.WEIGHTS)
    layers = widget_data.convolutions(tensors)
    for i, ((shape, weight), (_, bias)) in enumerate(layers):
        if i in (3, 6):
            maps = F.max_pool2d(maps, 2)
        W = torch.tensor(weight).reshape(shape)
        maps = F.conv2d(maps, W, torch.tensor(bias), padding="same")
        if i < len(layers) - 1:
            maps = F.relu(maps)
    with torch.no_grad():
        assert torch.allclose(maps, load_compact_nin()[:-2](X), atol=1e-4)


def test_the_script_holds_every_weight_and_ten_garments():
    text = widget_data.script()
    data = json.loads(text.removeprefix("OneByOne.ninData = ")[:-2])
    kinds = {"weights": "h", "units": "f", "biases": "f"}
    read = {name: array(kind) for name, kind in kinds.items()}
    for name, values in read.items():
        values.frombytes(base64.b64decode(data[name]))
    filters = sum(o for o, _, _ in data["layers"])
    assert len(read["units"]) == len(read["biases"]) == filters
    assert len(read["weights"]) == sum(
        o * i * k * k for o, i, k in data["layers"]
    )
    assert len(data["names"]) == len(data["images"]) == 10
    assert all(len(base64.b64decode(code)) == 784 for code in data["images"])


def test_sixteen_bits_keep_a_weight_to_half_a_unit_of_its_filter():
    torch.manual_seed(0)
    filters = torch.randn(4, 25) * torch.tensor([[1e-3], [1.0], [50.0], [0]])
    weight = array("f", filters.flatten().tolist())
    whole, units = widget_data.in_sixteen_bits(weight, filters=4)
    read = torch.tensor(whole).reshape(4, 25) * torch.tensor(units)[:, None]
    assert whole[25:50].count(0) < 3
    error = (read - filters).abs().amax(dim=1)
    assert (error <= 0.51 * torch.tensor(units)).all()
    assert (error <= filters.abs().amax(dim=1) / 60_000).all()


RECORD = """\
network,start,batch_norm,layers,seed,error,train_loss,train_error,\
error_curve,loss_curve,gradients,outcome
plain,Kaiming,True,20,0,0.3,0.7,0.25,0.3 0.2,2.3 0.7,1.5 0.6 0.2,ok
plain,Kaiming,True,8,0,0.2,0.6,0.15,0.3 0.1,2.2 0.6,0.5 0.1,ok
plain,Kaiming,True,20,1,0.9,nan,0.9,0.9,2.4 nan,1.7 0.9 0.4,non-finite loss
"""
BARE = """\
network,start,batch_norm,layers,seed,error,train_loss,train_error,\
error_curve,loss_curve,gradients,outcome
plain,default,False,20,0,0.9,2.3,0.9,0.9 0.9,2.3 2.3,1e-10 0.2,ok
"""


def test_records_are_grouped_by_network_start_and_depth(tmp_path):
    records = [tmp_path / "degradation.csv", tmp_path / "starts.csv"]
    for record, text in zip(records, (RECORD, BARE), strict=True):
        record.write_text(text)
    text = widget_data.depth_script(records)
    data = json.loads(text.removeprefix("OneByOne.depthData = ")[:-2])
    shallow, deep, bare = data["groups"]
    assert data["runs"] == 4
    assert shallow["layers"] == 8 and shallow["train_error"] == [0.15]
    assert deep["layers"] == 20 and deep["batch_norm"] is True
    assert deep["train_loss"] == [0.7, None]
    assert deep["loss_curve"] == [[2.3, 0.7], [2.4, None]]
    assert deep["error_curve"] == [[0.3, 0.2], [0.9]]
    assert shallow["gradients"] == [[0.5, 0.1]]
    assert bare["start"] == "default" and bare["gradients"] == [[1e-10, 0.2]]


BAKE_OFF = """\
block,limited,budget,seed,width,test_accuracy,parameters,macs,cpu_seconds
NiN,MACs,1250000,0,29,0.86,17845,1162325,13.5
VGG-like,MACs,1250000,0,22,0.87,17995,1193566,9.0
NiN,MACs,1250000,1,29,nan,17845,1162325,13.1
"""


def test_a_record_is_grouped_by_block_and_width(tmp_path):
    record = tmp_path / "bake-off.csv"
    record.write_text(BAKE_OFF)
    text = widget_data.front_script(record)
    data = json.loads(text.removeprefix("OneByOne.frontData = ")[:-2])
    assert data["runs"] == 3
    nin, vgg = data["networks"]
    assert (nin["block"], nin["width"], nin["macs"]) == ("NiN", 29, 1162325)
    assert nin["accuracy"] == [0.86, None] and nin["seconds"] == [13.5, 13.1]
    assert vgg["parameters"] == 17995


def test_without_a_record_there_is_no_script(tmp_path):
    assert widget_data.depth_script([tmp_path / "no.csv"]) is None
    assert widget_data.front_script(tmp_path / "bake-off.csv") is None
