"""A GPU for machines without one, so that mistakes with devices are found.

Its tensors say ``cuda:0`` and keep their numbers on the CPU. Like a real GPU
it refuses to calculate with tensors of two devices and to hand out a NumPy
array, and it answers as a Tesla T4 does: capability (7, 5), and a claim of
bfloat16 for which it has no instructions. What it cannot show is how fast a
GPU is, how it rounds, and that it runs out of memory.

Three ways to use it::

    with MakeBelieveGPU():                        in a test
        ...
    python -m pytest -p make_believe_gpu FILES    for other tests
    make_believe_gpu.turn_on()                    in a kernel

The last two do nothing where there is a real GPU, which is then used. The
second needs the folder of this file in PYTHONPATH.

How it works: a TorchFunctionMode is asked about every call of PyTorch from
Python. It takes ``device="cuda"`` out of the call, and marks the tensors that
come back. A mark is an attribute of the tensor, so that parameters stay
parameters, and the same tensor stays the same object, as on a real GPU. What
PyTorch does by itself, in C++ or inside a function that it was asked for, is
not seen: there the CPU works as usual. So gradients that a hook gets are not
marked. Random numbers come from the one generator of the CPU.
"""

from contextlib import ExitStack
from types import SimpleNamespace
from unittest import mock

import torch
import torch._dynamo  # while its functions are still PyTorch's own
from torch import Tensor
from torch.nn.parameter import is_lazy
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves, tree_map_only

CUDA = torch.device("cuda", 0)
NAME = "make-believe T4"
MIXED = (
    "Expected all tensors to be on the same device, but found at least two "
    "devices, cuda:0 and {}! (in {})"
)
INDICES = "indices should be on the same device as the indexed tensor (cpu)"
NUMPY = (
    "can't convert cuda:0 device type tensor to numpy. Use Tensor.cpu() to "
    "copy the tensor to host memory first."
)
GENERATOR = "Expected a 'cuda' device type for generator but found 'cpu'"
BFLOAT16 = "a T4 has no instructions for bfloat16: float16 is its fast format"
OF_NUMPY = {"numpy", "__array__", "__dlpack__"}
MOVES = {"to", "cpu", "cuda"}
# these may meet tensors of two devices: the first copy from one to the
# other, __deepcopy__ gets what was copied before, and gradients flow across
CROSSING = {"copy_", "_foreach_copy_", "__setitem__", "__deepcopy__"}
CROSSING |= {"backward", "grad", "_has_compatible_shallow_copy_type"}
# these refuse even a single number from the CPU
STRICT = {"cat", "concat", "concatenate", "stack", "hstack", "vstack"}


def is_marked(value: object) -> bool:
    """Whether this is a tensor on the make-believe GPU."""
    return getattr(value, "_make_believe", False)


def mark(result: object) -> None:
    """Put every tensor of a result on the make-believe GPU."""
    for leaf in tree_leaves(result):
        if isinstance(leaf, Tensor):
            leaf._make_believe = True


class MakeBelieveGPU(TorchFunctionMode):
    """PyTorch with a make-believe GPU; ends with the ``with`` block."""

    def __enter__(self):
        self._undo = ExitStack()
        for module, name, value in replacements():
            self._undo.enter_context(mock.patch.object(module, name, value))
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self._undo.close()

    def __torch_function__(self, func, types, args=(), kwargs=None):
        kwargs = dict(kwargs or {})
        name = name_of(func)
        if func.__name__ == "__get__" and name in ASKED:
            return ASKED[name](is_marked(args[0]), func, args[0])
        if func.__name__ == "__set__":
            return set_property(name, func, *args)
        if name == "get_device" and is_marked(args[0]):
            return CUDA.index
        if name in MOVES:
            return move(name, *args, **kwargs)
        if (
            name in OF_NUMPY
            and is_marked(args[0])
            and not kwargs.get("force", False)
        ):
            raise TypeError(NUMPY)
        on_gpu = check_devices(name, args, kwargs)
        if kwargs.get("device") is not None:
            on_gpu = is_cuda(kwargs["device"])
            kwargs["device"] = "cpu" if on_gpu else kwargs["device"]
        if on_gpu and kwargs.get("generator") is not None:
            raise RuntimeError(GENERATOR)
        if on_gpu and name == "conv2d" and torch.is_autocast_enabled("cpu"):
            func = in_float16(func)
        result = func(*args, **kwargs)
        if on_gpu:
            mark(result)
        return result


def name_of(func) -> str:
    """The function's name; that of the property which a getter gets."""
    if func.__name__ in ("__get__", "__set__"):
        return func.__self__.__name__
    return func.__name__


ASKED = {  # properties that tell where a tensor is
    "device": lambda here, get, t: CUDA if here else get(t),
    "is_cuda": lambda here, get, t: here,
    "is_cpu": lambda here, get, t: not here and get(t),
}


def is_cuda(device: object) -> bool:
    """Whether such an argument ``device`` means the GPU."""
    return isinstance(device, int) or torch.device(device).type == "cuda"


def set_property(name: str, func, tensor: Tensor, value: object) -> None:
    """``tensor.data = value`` moves a tensor; gradients must be beside it."""
    apart = isinstance(value, Tensor) and is_marked(tensor) != is_marked(value)
    if name == "grad" and apart:
        raise RuntimeError("the gradient is on another device")
    func(tensor, value)
    if name == "data":
        tensor._make_believe = is_marked(value)


def move(name: str, tensor: Tensor, *args, **kwargs) -> Tensor:
    """``to``, ``cpu`` and ``cuda``: from one device to another is a copy."""
    here = goal = is_marked(tensor)
    if name != "to":
        args = (name, *args[name == "cuda" :])
        kwargs.pop("device", None)
    if args and isinstance(args[0], Tensor):  # where, and of the type of
        like = args[0]
        goal = is_marked(like)
        args = ("cuda" if goal else like.device, like.dtype, *args[1:])
    if "device" in kwargs:
        args = (kwargs.pop("device"), *args)
    if args and isinstance(args[0], (str, int, torch.device)):
        goal = is_cuda(args[0])
        args = ("cpu" if goal else args[0], *args[1:])
    if here != goal:
        kwargs["copy"] = True
        kwargs.pop("non_blocking", None)
        args = tuple(a for a in args if not isinstance(a, bool))
    result = Tensor.to(tensor, *args, **kwargs)
    if goal:
        mark(result)
    return result


def check_devices(name: str, args: tuple, kwargs: dict) -> bool:
    """Refuse tensors of two devices; whether they are on the GPU."""
    tensors = [t for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)]
    others = [t for t in tensors if not is_marked(t)]
    first_on_gpu = bool(args) and is_marked(args[0])
    if len(others) == len(tensors):
        return False
    if name in ("__getitem__", "__setitem__"):
        indices = tree_leaves(args[1])
        if not first_on_gpu and any(map(is_marked, indices)):
            raise RuntimeError(INDICES)
        return first_on_gpu
    if name in ("tensor", "as_tensor"):  # a list is read number by number
        return first_on_gpu
    if name in CROSSING:
        return first_on_gpu or name == "grad"
    changes = name.startswith("__i") or name.rstrip("_") + "_" == name
    for tensor in others:
        single = is_lazy(tensor) or tensor.dim() == 0
        target = changes and tensor is args[0]
        if not single or target or name in STRICT:
            raise RuntimeError(MIXED.format(tensor.device, name))
    return True


def in_float16(convolve):
    """A convolution of float16 numbers with sums in float32, as on a T4.

    The CPU's own is ten times as slow, without instructions for float16.
    """

    def of_float16(*args, **options):
        with torch.autocast("cpu", enabled=False):
            args, options = tree_map_only(
                Tensor, lambda t: t.half().float(), (args, options)
            )
            return convolve(*args, **options).half()

    return of_float16


class MakeBelieveAutocast(torch.autocast):
    """That of the CPU, in float16; bfloat16 is refused."""

    def __init__(self, device_type, dtype=None, enabled=True, **options):
        if torch.device(device_type).type == "cuda":
            device_type, dtype = "cpu", dtype or torch.float16
            if enabled and dtype == torch.bfloat16:
                raise RuntimeError(BFLOAT16)
        super().__init__(device_type, dtype, enabled, **options)


def make_subclass(cls, data, *options):
    """What nn.Parameter is made with, which no mode is asked about."""
    made = Tensor.__base__._make_subclass(cls, data, *options)
    if is_marked(data):
        mark(made)
    return made


def answer(value):
    """A function that gives this answer to every question."""
    return lambda *args, **kwargs: value


def replacements() -> list[tuple[object, str, object]]:
    """What a GPU answers and does, in place of a machine without one."""
    properties = SimpleNamespace(name=NAME, major=7, minor=5)
    answers = {
        "is_available": True,
        "device_count": 1,
        "current_device": 0,
        "get_device_name": NAME,
        "get_device_capability": (7, 5),
        "get_device_properties": properties,
        "is_bf16_supported": True,  # so PyTorch says of a T4
        "is_current_stream_capturing": False,
        "synchronize": None,
        "empty_cache": None,
        "get_rng_state": torch.empty(0, dtype=torch.uint8),
        "set_rng_state": None,
    }
    return [
        *((torch.cuda, name, answer(a)) for name, a in answers.items()),
        (torch, "autocast", MakeBelieveAutocast),
        (torch.amp, "autocast", MakeBelieveAutocast),
        (Tensor, "_make_subclass", staticmethod(make_subclass)),
    ]


def turn_on() -> None:
    """Use the make-believe GPU from now on, unless there is a real one."""
    if not torch.cuda.is_available():
        MakeBelieveGPU().__enter__()


def pytest_configure() -> None:
    """Called by pytest where this module is a plugin."""
    turn_on()
