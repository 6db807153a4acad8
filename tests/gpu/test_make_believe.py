"""The make-believe GPU refuses what a real one refuses, and trains."""

import copy

import numpy as np
import pytest
import torch
from make_believe_gpu import BFLOAT16, MakeBelieveGPU
from safetensors.torch import load_file, save_file
from torch import nn

import onebyone
from onebyone.models import compact_nin
from onebyone.training import Numerics


@pytest.fixture(autouse=True)
def gpu():
    with MakeBelieveGPU():
        yield torch.device("cuda", 0)


@pytest.fixture
def there() -> torch.Tensor:
    """A tensor on the GPU."""
    return torch.arange(12.0, device="cuda").reshape(3, 4)


@pytest.fixture
def here() -> torch.Tensor:
    """The same numbers on the CPU."""
    return torch.arange(12.0).reshape(3, 4)


def test_it_ends_with_its_block():
    with MakeBelieveGPU():
        pass
    assert torch.zeros(2, device="cuda").is_cuda  # the one of the fixture


def test_it_answers_like_a_t4(gpu):
    assert torch.cuda.is_available() and torch.cuda.device_count() == 1
    assert torch.cuda.get_device_capability() == (7, 5)
    assert torch.cuda.get_device_properties(gpu).major == 7
    assert torch.cuda.is_bf16_supported()  # it says so, and has no such thing
    assert onebyone.data.best_device().type == "cuda"


RESULTS = {
    "arithmetic": lambda t: t + 1,
    "a number": lambda t: t.sum(),
    "a method with two results": lambda t: t.max(dim=1).indices,
    "a list": lambda t: t.split(1)[2],
    "a view": lambda t: t.T[1:],
    "a new tensor": lambda t: torch.zeros_like(t),
    "a comparison": lambda t: t > 3,
    "data": lambda t: t.data,
    "a copy": copy.deepcopy,
    "an item of a loop": lambda t: next(iter(t)),
    "another type": lambda t: t.to(torch.float64),
    "changed in place": lambda t: t.add_(1),
}


@pytest.mark.parametrize("make", RESULTS.values(), ids=RESULTS)
def test_what_is_computed_on_it_stays_on_it(make, there, gpu):
    result = make(there)
    assert result.device == gpu and result.is_cuda and not result.is_cpu
    assert result.get_device() == 0


MIXED = {
    "a sum": lambda here, there: here + there,
    "a sum, the other way": lambda here, there: there + here,
    "a product of matrices": lambda here, there: here @ there.T,
    "in place": lambda here, there: here.add_(there),
    "a number changed in place": lambda here, there: here[0, 0].add_(there[0]),
    "a running sum": lambda here, there: here.sum().add_(there.sum()),
    "a stack of numbers": lambda here, there: torch.stack(
        [here[0, 0], there[0, 0]]
    ),
    "a comparison": lambda here, there: torch.equal(here, there),
    "a layer": lambda here, there: nn.Linear(4, 2)(there),
    "a loss": lambda here, there: nn.functional.mse_loss(there, here),
    "rows by index": lambda here, there: here.index_select(0, there[0].long()),
    "the meta device": lambda here, there: there + here.to("meta"),
}


@pytest.mark.parametrize("mix", MIXED.values(), ids=MIXED)
def test_tensors_of_two_devices_are_refused(mix, here, there):
    with pytest.raises(RuntimeError, match="same device.*cuda:0"):
        mix(here, there)


@pytest.mark.parametrize("read", [True, False])
def test_a_tensor_here_cannot_be_indexed_by_one_there(read, here, there):
    rows = there[:, 0].long() // 4
    with pytest.raises(RuntimeError, match="indices should be"):
        if read:
            here[rows]
        else:
            here[rows] = 0.0


def test_a_tensor_there_can_be_indexed_by_one_here(there):
    assert there[torch.tensor([2, 0])].is_cuda


def test_a_single_number_may_come_from_here(there):
    assert (there * torch.tensor(2.0)).is_cuda


@pytest.mark.parametrize("read", [torch.Tensor.numpy, np.asarray, np.sqrt])
def test_numpy_is_refused(read, there):
    with pytest.raises(TypeError, match=r"Tensor.cpu\(\)"):
        read(there)
    assert read(there.cpu()) is not None
    assert there.numpy(force=True).shape == (3, 4)


MOVES = {
    "to": lambda t: t.to("cuda"),
    "to a device": lambda t: t.to(torch.device("cuda"), torch.float32),
    "to, by name": lambda t: t.to(device="cuda", non_blocking=True),
    "to a tensor's place": lambda t: t.to(torch.zeros(1, device="cuda")),
    "cuda": lambda t: t.cuda(),
}


@pytest.mark.parametrize("move", MOVES.values(), ids=MOVES)
def test_a_tensor_that_is_moved_is_a_copy(move, here):
    moved = move(here)
    assert moved.is_cuda and not here.is_cuda
    back = moved.cpu()
    assert not back.is_cuda and torch.equal(back, here)
    moved.zero_()
    assert here[2, 3] == back[2, 3] == 11
    assert move(moved) is moved and here.cpu() is here


def test_a_tensor_that_stays_is_no_copy(here, there):
    assert there.to("cuda") is there and here.to("cpu") is here


def test_numbers_are_copied_from_one_to_the_other(here, there):
    there.copy_(here * 2)
    here[0] = there[0]
    assert there.is_cuda and not here.is_cuda
    assert here[0].tolist() == [0, 2, 4, 6] and there[2, 3].item() == 22


def test_a_factory_obeys_the_device_of_the_context():
    with torch.device("cuda"):
        assert torch.rand(2).is_cuda and nn.Linear(2, 2).weight.is_cuda
        with torch.device("meta"):
            assert torch.rand(2).is_meta
        assert not torch.rand(2, device="cpu").is_cuda


def test_a_seed_repeats_its_random_numbers():
    first, second = (
        torch.manual_seed(3) and torch.rand(4, device="cuda") for _ in "12"
    )
    assert torch.equal(first, second)


def test_a_generator_of_the_cpu_is_refused():
    with pytest.raises(RuntimeError, match="generator"):
        torch.randperm(4, generator=torch.Generator(), device="cuda")


def test_a_network_moves_with_parameters_buffers_and_gradients():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    weight = net[0].weight
    net.to("cuda")
    assert net[0].weight is weight and type(weight) is nn.Parameter
    net(torch.rand(2, 1, 5, 5, device="cuda")).sum().backward()
    assert weight.is_cuda and weight.grad.is_cuda
    assert net[1].running_mean.is_cuda
    net.cpu()
    assert not weight.is_cuda and not weight.grad.is_cuda
    assert not net[1].running_mean.is_cuda


def test_a_copy_of_a_network_is_moved_alone():
    net = nn.Linear(2, 2).cuda()
    twin = copy.deepcopy(net)
    assert twin.weight.is_cuda
    twin.cpu()
    assert net.weight.is_cuda and not twin.weight.is_cuda


def test_a_lazy_layer_gets_its_parameters_where_it_is():
    net = nn.LazyLinear(3).cuda()
    assert net(torch.rand(2, 5, device="cuda")).is_cuda
    assert net.weight.is_cuda and type(net.weight) is nn.Parameter


def test_a_gradient_of_the_other_device_is_refused():
    weight = nn.Parameter(torch.ones(2, device="cuda"))
    with pytest.raises(RuntimeError, match="another device"):
        weight.grad = torch.ones(2)


def test_a_state_dict_is_loaded_from_either_device():
    there, here = nn.Linear(2, 2).cuda(), nn.Linear(2, 2)
    there.load_state_dict(here.state_dict())
    assert there.weight.is_cuda
    here.load_state_dict(there.state_dict())
    assert not here.weight.is_cuda
    assert torch.equal(here.weight, there.weight.cpu())


def test_saved_tensors_come_back_where_they_were_or_are_wanted(
    tmp_path, there
):
    file = tmp_path / "saved.pt"
    torch.save({"weights": there}, file)
    assert torch.load(file)["weights"].is_cuda
    assert not torch.load(file, map_location="cpu")["weights"].is_cuda
    save_file({"weights": there}, tmp_path / "saved.safetensors")
    loaded = load_file(tmp_path / "saved.safetensors")["weights"]
    assert not loaded.is_cuda and torch.equal(loaded, there.cpu())


def test_a_convolution_in_autocast_is_that_of_float16():
    torch.manual_seed(0)
    layer = nn.Conv2d(8, 4, 3).cuda()
    X = torch.randn(2, 8, 6, 6, device="cuda")
    with torch.autocast("cuda"):
        half = layer(X)
    assert half.dtype == torch.float16 and half.is_cuda
    assert torch.allclose(half.float(), layer(X), rtol=2**-9, atol=2**-9)
    assert not torch.equal(half.float(), layer(X))
    with torch.autocast("cuda"):
        assert not layer(1e6 * X).isfinite().any()  # too large for it


def test_bfloat16_is_refused_and_float16_is_not():
    with pytest.raises(RuntimeError, match=BFLOAT16):
        torch.autocast("cuda", torch.bfloat16)
    with torch.autocast("cuda", torch.bfloat16, enabled=False):
        pass
    with torch.autocast("cpu", torch.bfloat16):
        pass


class Images(onebyone.data.ImageData):
    """A few random images in two classes, the second one brighter."""

    name, class_names = "stripes", ["dark", "bright"]

    def read(self):
        labels = torch.arange(64) % 2
        images = torch.randint(100, (64, 1, 28, 28), dtype=torch.uint8)
        images += (100 * labels[:, None, None, None]).to(torch.uint8)
        return images, labels, images[:32], labels[:32]


def test_the_data_live_on_it_and_give_batches_there():
    data = Images(
        batch_size=16, resize=14, augment=onebyone.data.random_shift(2)
    )
    X, y = next(iter(data.train_dataloader()))
    assert X.is_cuda and y.is_cuda and X.shape == (16, 1, 14, 14)
    assert data.text_labels(y[:2])[0] in data.class_names


def test_training_takes_float16_with_the_gradient_scaler():
    torch.manual_seed(0)
    data, net = Images(batch_size=32), compact_nin(num_classes=2)
    trainer = onebyone.Trainer(max_steps=2, seed=0)
    history = trainer.fit(net, data)
    assert trainer.numerics.dtype == torch.float16
    assert trainer.scaler.is_enabled() and trainer.scaler.get_scale() > 1
    assert net[0][0].weight.is_cuda and net[0][0].weight.dtype == torch.float32
    assert history.stopped is None and history.test_loss > 0
    assert not onebyone.predict(net, data).is_cuda


def test_a_step_whose_gradients_overflow_is_left_out(monkeypatch):
    torch.manual_seed(0)
    data, net = Images(batch_size=32), compact_nin(num_classes=2)
    scaler = torch.amp.GradScaler("cuda", init_scale=2.0**30)
    monkeypatch.setattr(Numerics, "gradient_scaler", lambda self: scaler)
    before = net[0][0].weight.detach().clone()
    onebyone.Trainer(max_steps=1, seed=0).fit(net, data)
    assert torch.equal(net[0][0].weight.cpu(), before)
    assert scaler.get_scale() == 2.0**29


def test_every_format_but_bfloat16_can_be_asked_for(gpu):
    for precision in ("float32", "float16"):
        Numerics(gpu, precision).logits(nn.Flatten(), torch.ones(2, 1, 2, 2))
    with pytest.raises(RuntimeError, match="bfloat16"):
        Numerics(gpu, "bfloat16").logits(nn.Flatten(), torch.ones(2, 3))
