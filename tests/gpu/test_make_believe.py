"""The make-believe GPU refuses what a real one refuses, and trains."""

import copy

import numpy as np
import pytest
import torch
from make_believe_gpu import BFLOAT16, MakeBelieveGPU
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


def test_it_answers_like_a_t4_to_the_end_of_its_block(gpu):
    with MakeBelieveGPU():
        pass
    assert torch.cuda.is_available() and torch.cuda.device_count() == 1
    assert torch.cuda.get_device_capability() == (7, 5)
    assert torch.cuda.get_device_properties(gpu).major == 7
    assert torch.cuda.is_bf16_supported()  # it says so, and has no such thing
    assert onebyone.data.best_device().type == "cuda"


ON_IT = {
    "arithmetic": lambda here, there: there + 1,
    "a method with two results": lambda here, there: there.max(1).indices,
    "a list": lambda here, there: there.split(1)[2],
    "a view": lambda here, there: there.T[1:],
    "a new tensor": lambda here, there: torch.zeros_like(there),
    "data": lambda here, there: there.data,
    "a copy": lambda here, there: copy.deepcopy(there),
    "an item of a loop": lambda here, there: next(iter(there)),
    "another type": lambda here, there: there.to(torch.float64),
    "numbers from here": lambda here, there: there.copy_(here),
    "one number from here": lambda here, there: there * torch.tensor(2.0),
    "indexed from here": lambda here, there: there[torch.tensor([2, 0])],
    "a lazy layer": lambda here, there: nn.LazyLinear(3).cuda()(there),
    "moved": lambda here, there: here.to("cuda"),
    "moved, by name": lambda here, there: here.to(device="cuda"),
    "moved to a tensor's place": lambda here, there: here.to(there),
    "moved by cuda": lambda here, there: here.cuda(),
}


@pytest.mark.parametrize("make", ON_IT.values(), ids=ON_IT)
def test_what_is_computed_on_it_or_moved_to_it_is_there(
    make, here, there, gpu
):
    result = make(here, there)
    assert result.device == gpu and result.is_cuda and not result.is_cpu
    assert not here.is_cuda and not result.cpu().is_cuda


def set_rows(here, there):
    here[there[:, 0].long() // 4] = 0.0


def set_gradient(here, there):
    nn.Parameter(there).grad = here


REFUSED = {
    "a sum": lambda here, there: here + there,
    "a product of matrices": lambda here, there: there @ here.T,
    "in place": lambda here, there: here.add_(there),
    "a running sum": lambda here, there: here.sum().add_(there.sum()),
    "a stack": lambda here, there: torch.stack([here[0, 0], there[0, 0]]),
    "a comparison": lambda here, there: torch.equal(here, there),
    "a layer": lambda here, there: nn.Linear(4, 2)(there),
    "a loss": lambda here, there: nn.functional.mse_loss(there, here),
    "the meta device": lambda here, there: there + here.to("meta"),
    "an index": lambda here, there: here[there[:, 0].long() // 4],
    "an index of what is set": set_rows,
    "a gradient": set_gradient,
    "a generator": lambda here, there: torch.rand(
        4, generator=torch.Generator(), device="cuda"
    ),
}


@pytest.mark.parametrize("mix", REFUSED.values(), ids=REFUSED)
def test_tensors_of_two_devices_are_refused(mix, here, there):
    with pytest.raises(RuntimeError, match=r"device|generator"):
        mix(here, there)


@pytest.mark.parametrize("read", [torch.Tensor.numpy, np.asarray, np.sqrt])
def test_numpy_is_refused(read, there):
    with pytest.raises(TypeError, match=r"Tensor.cpu\(\)"):
        read(there)
    assert read(there.cpu()) is not None
    assert there.numpy(force=True).shape == (3, 4)


def test_a_tensor_that_is_moved_is_a_copy_and_one_that_stays_is_none(here):
    moved = here.to("cuda")
    back = moved.cpu()
    moved.zero_()
    assert here[2, 3] == back[2, 3] == 11
    assert moved.to("cuda") is moved and here.cpu() is here


def test_a_network_moves_with_parameters_buffers_and_gradients():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2))
    weight = net[0].weight
    net.to("cuda")
    assert net[0].weight is weight and type(weight) is nn.Parameter
    net(torch.rand(2, 1, 5, 5, device="cuda")).sum().backward()
    assert weight.is_cuda and weight.grad.is_cuda
    assert net[1].running_mean.is_cuda
    copy.deepcopy(net).cpu()
    assert weight.is_cuda  # the copy was moved alone
    net.cpu()
    assert not weight.is_cuda and not weight.grad.is_cuda
    assert not net[1].running_mean.is_cuda


def test_a_convolution_in_autocast_is_that_of_float16():
    torch.manual_seed(0)
    layer = nn.Conv2d(8, 4, 3).cuda()
    X = torch.randn(2, 8, 6, 6, device="cuda")
    with torch.autocast("cuda"):
        half, overflow = layer(X), layer(1e6 * X)
    assert half.dtype == torch.float16 and half.is_cuda
    assert torch.allclose(half.float(), layer(X), rtol=2**-9, atol=2**-9)
    assert not torch.equal(half.float(), layer(X))
    assert not overflow.isfinite().any()


def test_bfloat16_is_refused_and_other_formats_are_not(gpu):
    with pytest.raises(RuntimeError, match=BFLOAT16):
        torch.autocast("cuda", torch.bfloat16)
    with torch.autocast("cpu", torch.bfloat16):
        pass
    for precision in ("float32", "float16"):
        Numerics(gpu, precision).logits(nn.Flatten(), torch.ones(2, 1, 2, 2))
    with pytest.raises(RuntimeError, match="bfloat16"):
        Numerics(gpu, "bfloat16").logits(nn.Flatten(), torch.ones(2, 3))


class Images(onebyone.data.ImageData):
    """A few random images in two classes, the second one brighter."""

    name, class_names = "stripes", ["dark", "bright"]

    def read(self):
        labels = torch.arange(64) % 2
        images = torch.randint(100, (64, 1, 28, 28), dtype=torch.uint8)
        images += (100 * labels[:, None, None, None]).to(torch.uint8)
        return images, labels, images[:32], labels[:32]


def test_the_data_live_on_it_and_give_batches_there():
    shift = onebyone.data.random_shift(2)
    data = Images(batch_size=16, resize=14, augment=shift)
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
