"""What a network costs: parameters, MACs, FLOPs, activation memory, shapes.

A MAC is one multiplication and the addition that goes with it; a FLOP is one
floating-point operation, so 1 MAC = 2 FLOPs. MACs come from
`torch.utils.flop_counter`, which knows convolutions, matrix products and
attention. Everything else (biases, pooling, normalisation, activations,
additions) counts 0, as in the tables of the papers. Attention is run, and
its memory counted, as plain matrix products and a softmax.

The network is never run itself. A copy without data (on PyTorch's meta
device) is; where that is impossible, a copy on the CPU. Mode, parameters,
buffers, device, gradients, hooks and random state of the network stay as
they are.
"""

import copy
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import MethodType
from typing import Any

import pandas as pd
import torch
from torch import nn
from torch.autograd.graph import saved_tensors_hooks
from torch.nn.parameter import is_lazy
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode
from torch.utils.hooks import RemovableHandle

from onebyone.cost_table import (
    COLUMNS,
    LayerTable,
    Output,
    Shape,
    shape_text,
)


def layer_table(net: nn.Module, input_shape: Shape) -> LayerTable:
    """Count what each layer of ``net`` costs in one forward pass.

    Each call of a module that holds no other modules is a row. So is every
    stretch of work done between such calls (``torch.cat``, ``+``,
    ``F.conv2d``, ...): it bears the name of the module that does it and
    the type "functional". A parameter counts in the row that first uses
    it; a module with parameters that are never used stands at the end,
    without an output shape.

    "activation bytes" is the memory that a row newly writes: its output,
    or 0 where that lies in the memory of its input (flatten, in-place
    ReLU, dropout in evaluation mode). A functional row counts the result
    of each of its operations.

    Args:
        net: any network, lazy layers included; counted in evaluation mode.
        input_shape: (C, H, W), a batch of one, or (B, C, H, W); for a
            network of linear layers (features,) or (B, features).

    Raises:
        ValueError: ``net`` cannot take this input; names the layer where
            it stops, the shape that arrives there and what is needed.
    """
    trace = _trace(net, input_shape, training=False)
    rows = [row.cells() for row in trace.rows + trace.unused_rows()]
    frame = pd.DataFrame(rows, columns=COLUMNS)
    return LayerTable(frame, trace.output_shape)


def parameters(net: nn.Module) -> int:
    """Return the parameters of ``net``, shared ones counted once.

    Raises:
        ValueError: a lazy layer does not know its size yet.
    """
    lazy = [name for name, p in net.named_parameters() if is_lazy(p)]
    if lazy:
        raise ValueError(
            f"{lazy[0]} has no size before the first input; "
            "layer_table(net, input_shape).parameters finds it out"
        )
    return sum(p.numel() for p in net.parameters())


def macs(net: nn.Module, input_shape: Shape) -> int:
    """Return the MACs of one forward pass; see :func:`layer_table`."""
    return layer_table(net, input_shape).macs


def flops(net: nn.Module, input_shape: Shape) -> int:
    """Return the FLOPs of one forward pass: 2 for each MAC."""
    return layer_table(net, input_shape).flops


def activation_bytes(
    net: nn.Module, input_shape: Shape, training: bool = False
) -> int:
    """Return the bytes of the activations of one forward pass.

    Args:
        net: as in :func:`layer_table`.
        input_shape: as in :func:`layer_table`.
        training: False counts all that the layers write in evaluation
            mode, the total of :func:`layer_table` (a program frees most
            of it on the way). True counts what autograd keeps for the
            backward pass in training mode: the tensors it saves, each
            memory block once, the input among them; such are inputs of
            convolutions, outputs of ReLUs, the int64 indices of max
            pooling and the masks of dropout (floats, as on the CPU).
            Parameters, buffers and the loss are not counted.

    Raises:
        ValueError: as in :func:`layer_table`.
    """
    trace = _trace(net, input_shape, training)
    if training:
        return trace.saved_bytes
    return sum(row.activation_bytes for row in trace.rows)


# -- running a copy --------------------------------------------------------


def _trace(net: nn.Module, input_shape: Shape, training: bool) -> "_Trace":
    shape = tuple(input_shape)
    if not shape or min(shape) < 1:
        raise ValueError(f"input_shape must be positive sizes, got {shape}")
    if len(shape) in (1, 3):
        shape = (1, *shape)
    # what the meta device cannot do, and what the network cannot take, is
    # the CPU's to tell; any other error is a fault of ours
    with suppress(RuntimeError, TypeError, ValueError):
        return _trace_on("meta", net, shape, training)
    return _trace_on("cpu", net, shape, training)


def _trace_on(
    device: str, net: nn.Module, shape: Shape, training: bool
) -> "_Trace":
    with torch.random.fork_rng(devices=[]), torch.device(device):
        twin = twin_of(net, device).train(training)
        floats = (p.dtype for p in twin.parameters() if p.is_floating_point())
        X = torch.zeros(shape, dtype=next(floats, torch.float32))
        trace = _Trace(twin)
        with (
            _plain_attention(),
            torch.set_grad_enabled(training),
            saved_tensors_hooks(trace.save, lambda tensor: tensor),
        ):
            trace.run(X)
    return trace


def twin_of(net: nn.Module, device: str | torch.device) -> nn.Module:
    """Return a copy of `net` on `device`, without its hooks.

    Attributes that are neither modules nor tensors (a trainer, a plot) are
    shared, for some can be large and some cannot be copied.
    """
    own = (nn.Module, MethodType, RemovableHandle, set)
    memo: dict[int, object] = {}
    for module in net.modules():
        for value in _leaves(vars(module)):
            if isinstance(value, torch.Tensor):
                memo[id(value)] = _copy_tensor(value, device)
            elif not isinstance(value, own):
                memo[id(value)] = value
    twin = copy.deepcopy(net, memo)
    for module in twin.modules():
        if not isinstance(module, nn.modules.lazy.LazyModuleMixin):
            module._forward_pre_hooks.clear()
            module._forward_hooks.clear()
            module._backward_pre_hooks.clear()
            module._backward_hooks.clear()
    return twin


def _copy_tensor(
    tensor: torch.Tensor, device: str | torch.device
) -> torch.Tensor:
    if is_lazy(tensor):
        twin: torch.Tensor = copy.copy(tensor)
        twin.data = tensor.data.to(device)
        return twin
    if device == "meta" or tensor.is_meta:
        twin = torch.zeros_like(tensor, device=device)
    else:
        twin = tensor.detach().to(device, copy=True)
    if isinstance(tensor, nn.Parameter):
        return nn.Parameter(twin, tensor.requires_grad)
    return twin


@contextmanager
def _plain_attention() -> Iterator[None]:
    """Keep attention in operations that the counter knows."""
    was_fast = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(was_fast)


# -- recording -------------------------------------------------------------


@dataclass
class _Row:
    layer: str
    type: str = "functional"
    output_shape: Output = None
    parameters: int = 0
    macs: int = 0
    activation_bytes: int = 0
    computes: bool = False

    def cells(self) -> tuple:
        return (
            self.layer,
            self.type,
            self.output_shape,
            self.parameters,
            self.macs,
            self.activation_bytes,
        )


@dataclass
class _Call:
    layer: str
    module: nn.Module
    inputs: list[torch.Tensor]
    is_leaf: bool

    def error(self, reason: str) -> ValueError:
        shapes = " and ".join(shape_text(X.shape) for X in self.inputs)
        return ValueError(
            f"{self.layer} ({type(self.module).__name__}) cannot take an "
            f"input of shape {shapes} (batch axis first): {reason}"
        )


class _Trace(TorchDispatchMode):
    """Watches one forward pass: modules by hooks, operations by dispatch.

    At any time one row is open at most: that of the leaf module being
    called, or of the functional work of the module being called.
    """

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.rows: list[_Row] = []
        self.open_row: _Row | Any = None  # between two rows
        self.calls: list[_Call] = []
        self.counter = FlopCounterMode(display=False)
        self.flops_counted = 0
        self.unused = {id(p): p for p in net.parameters()}
        self.saved: dict[int, torch.UntypedStorage] = {}
        self.output_shape: Output = None
        for name, module in net.named_modules():
            self._watch(name or type(net).__name__, module)

    def run(self, X: torch.Tensor) -> None:
        """Run the network, turning errors into ones that name the layer."""
        try:
            with self.counter, self:
                output = self.net(X)
        except NotImplementedError:
            raise
        except (RuntimeError, ValueError, IndexError, AssertionError) as e:
            call = self.calls[-1]
            said = str(e).partition("\n")[0] or type(e).__name__
            raise call.error(_need(call.module, call.inputs) or said) from e
        self.output_shape = _output_shape(list(_tensors(output)))

    # modules

    def _watch(self, name: str, module: nn.Module) -> None:
        def enter(module, args, kwargs):
            self._close_row()
            inputs = list(_tensors((args, kwargs)))
            self.calls.append(_Call(name, module, inputs, is_leaf))
            # the meta device lets a few wrong inputs pass; run() explains
            if _need(module, inputs):
                raise ValueError
            if is_leaf:
                self.open_row = _Row(name)

        def leave(module, args, output):
            call = self.calls.pop()
            if is_leaf:
                self._finish_leaf(call, list(_tensors(output)))
            self._close_row()

        is_leaf = not any(True for _ in module.children())
        module.register_forward_pre_hook(enter, prepend=True, with_kwargs=True)
        module.register_forward_hook(leave)

    def _finish_leaf(self, call: _Call, outputs: list[torch.Tensor]) -> None:
        self.open_row.computes = True
        # lazy layers change their type during the call
        self.open_row.type = type(call.module).__name__
        self.open_row.output_shape = _output_shape(outputs)
        known = {_memory(X) for X in call.inputs}
        for Y in outputs:
            if _memory(Y) not in known:
                self.open_row.activation_bytes += Y.nbytes
            known.add(_memory(Y))

    def _close_row(self) -> None:
        row, self.open_row = self.open_row, None
        if row is None:
            return
        flops = self.counter.get_total_flops()
        row.macs = (flops - self.flops_counted) // 2
        self.flops_counted = flops
        if row.computes or row.parameters:
            self.rows.append(row)

    # operations

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        inputs = list(_tensors((args, kwargs or {})))
        in_leaf = self.calls[-1].is_leaf
        if self.open_row is None:
            self.open_row = _Row(self.calls[-1].layer)
        for tensor in inputs:
            if id(tensor) in self.unused and not is_lazy(tensor):
                del self.unused[id(tensor)]
                self.open_row.parameters += tensor.numel()
        known = {_memory(tensor) for tensor in inputs}
        output = func(*args, **(kwargs or {}))
        result = next(_tensors(output), None)
        if result is not None and not in_leaf:
            self.open_row.output_shape = tuple(result.shape[1:])
            is_new = _memory(result) not in known
            if is_new:
                self.open_row.activation_bytes += result.nbytes
            if is_new or func._schema.is_mutable:
                self.open_row.computes = True
        return output

    # results

    def save(self, tensor: torch.Tensor) -> torch.Tensor:
        """Note a tensor that autograd keeps for the backward pass."""
        storage = tensor.untyped_storage()
        self.saved[storage._cdata] = storage
        return tensor

    @property
    def saved_bytes(self) -> int:
        state = [*self.net.parameters(), *self.net.buffers()]
        own = {_memory(tensor) for tensor in state}
        return sum(s.nbytes() for m, s in self.saved.items() if m not in own)

    def unused_rows(self) -> list[_Row]:
        """Return a row for each module with parameters that nothing used."""
        rows = []
        for name, module in self.net.named_modules():
            held = [
                self.unused.pop(id(p)).numel()
                for p in module.parameters(recurse=False)
                if id(p) in self.unused
            ]
            if held:
                layer = name or type(self.net).__name__
                row = _Row(layer, type(module).__name__, parameters=sum(held))
                rows.append(row)
        return rows


def _memory(tensor: torch.Tensor) -> int:
    return tensor.untyped_storage()._cdata


def _leaves(value: object) -> Iterator[object]:
    """Yield what containers nested in `value` hold."""
    if isinstance(value, Mapping):
        for item in value.values():
            yield from _leaves(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def _tensors(value: object) -> Iterator[torch.Tensor]:
    return (X for X in _leaves(value) if isinstance(X, torch.Tensor))


def _output_shape(outputs: list[torch.Tensor]) -> Output:
    shapes = tuple(tuple(Y.shape[1:]) for Y in outputs)
    return shapes[0] if len(shapes) == 1 else shapes or None


# -- what a layer needs ----------------------------------------------------

_CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
_TRANSPOSED = (nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d)
_MAX_POOLS = (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d)
_AVERAGE_POOLS = (nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d)
_SPATIAL = (_CONVOLUTIONS, _TRANSPOSED, _MAX_POOLS, _AVERAGE_POOLS)
_BATCH_NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


def _need(module: nn.Module, inputs: list[torch.Tensor]) -> str | None:
    """Return what a common layer needs and its input lacks, or None."""
    if len(inputs) != 1:
        return None
    shape = tuple(inputs[0].shape)
    if isinstance(module, nn.Linear):
        return _need_count("features", module.in_features, shape[-1])
    if isinstance(module, _BATCH_NORMS) and len(shape) > 1:
        return _need_count("channels", module.num_features, shape[1])
    for axes in (1, 2, 3):
        if isinstance(module, tuple(kind[axes - 1] for kind in _SPATIAL)):
            return _need_spatial(module, axes, shape)
    return None


def _need_spatial(module: Any, axes: int, shape: Shape) -> str | None:
    if len(shape) not in (axes + 1, axes + 2):
        sizes = ("depth", "height", "width")[-axes:] if axes > 1 else ("size",)
        layout = " × ".join(("batch", "channels", *sizes))
        return f"it needs {axes + 2} axes, {layout}"
    if isinstance(module, _CONVOLUTIONS + _TRANSPOSED):
        channels = shape[-axes - 1]
        need = _need_count("channels", module.in_channels, channels)
        if need or isinstance(module, _TRANSPOSED):
            return need
    if getattr(module, "ceil_mode", False) or module.padding == "same":
        return None
    smallest = _smallest_input(module, axes)
    if all(s >= m for s, m in zip(shape[-axes:], smallest, strict=True)):
        return None
    return f"it needs a map of at least {shape_text(smallest)}"


def _smallest_input(module: Any, axes: int) -> Shape:
    """Return the size of a window less the padding, on each axis."""

    def along_axes(value: int | Shape) -> Shape:
        return (value,) * axes if isinstance(value, int) else tuple(value)

    padding = 0 if module.padding == "valid" else module.padding
    return tuple(
        max(1, dilation * (kernel - 1) + 1 - 2 * padding)
        for kernel, dilation, padding in zip(
            along_axes(module.kernel_size),
            along_axes(getattr(module, "dilation", 1)),
            along_axes(padding),
            strict=True,
        )
    )


def _need_count(what: str, needed: int, given: int) -> str | None:
    # lazy layers have 0 before the first input
    if needed in (0, given):
        return None
    return f"it needs {needed:,} {what}, not {given:,}"
