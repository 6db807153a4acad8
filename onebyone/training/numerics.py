"""Where a network runs, in which number format and memory layout."""

from collections.abc import Iterable
from contextlib import nullcontext

import torch
from torch import Tensor, nn

from onebyone.cost import twin_of

PRECISIONS = {
    "float32": torch.float32,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}


class Numerics:
    """Where a network runs, in which number format and memory layout."""

    def __init__(self, device: str | torch.device, precision: str):
        check_precision(precision)
        self.device = torch.device(device)
        self.dtype = (
            best_precision(self.device)
            if precision == "auto"
            else PRECISIONS[precision]
        )
        self.memory_format: torch.memory_format | None = None  # not chosen

    def place(self, batch: Iterable[Tensor]) -> tuple[Tensor, Tensor]:
        """Return images and labels on the device; integer labels as int64."""
        X, y = (part.to(self.device, non_blocking=True) for part in batch)
        return X, y if y.is_floating_point() else y.long()

    def logits(self, net: nn.Module, X: Tensor) -> Tensor:
        """Run ``net`` in mixed precision; return float32 (B, classes)."""
        if X.dim() == 4:
            plain = torch.contiguous_format
            X = X.to(memory_format=self.memory_format or plain)
        with self._autocast():
            return net(X).float()

    def choose_layout(
        self, net: nn.Module, X: Tensor, modes: Iterable[bool]
    ) -> None:
        """Take channels-last, which is faster, if ``net`` can.

        A network with ``.view()`` on its feature maps cannot. A copy is
        tried, in evaluation mode (False), in training mode (True) or in
        both, so that ``net`` and the random numbers stay as they are.
        """
        self.memory_format = torch.contiguous_format
        if self.device.type not in ("cpu", "cuda"):
            return
        self.memory_format = torch.channels_last
        gpus = range(torch.cuda.device_count())
        devices = gpus if self.device.type == "cuda" else []
        try:
            with torch.random.fork_rng(devices):
                twin = twin_of(net, self.device)
                twin.to(memory_format=torch.channels_last)
                for mode in modes:
                    with torch.set_grad_enabled(mode):
                        self.logits(twin.train(mode), X)
        except Exception as error:
            # what is not about the layout comes up again where it belongs
            if isinstance(error, RuntimeError) and not is_out_of_memory(error):
                self.memory_format = torch.contiguous_format

    def _autocast(self) -> torch.autocast | nullcontext:
        if self.dtype == torch.float32:
            return nullcontext()
        return torch.autocast(self.device.type, self.dtype)

    def gradient_scaler(self) -> torch.amp.GradScaler:
        """Return what keeps small float16 gradients from vanishing."""
        enabled = self.dtype == torch.float16
        return torch.amp.GradScaler(self.device.type, enabled=enabled)


def best_precision(device: torch.device) -> torch.dtype:
    """Return the fastest format for which the device has instructions."""
    if device.type == "cuda":
        has_bfloat16 = torch.cuda.get_device_capability(device) >= (8, 0)
        return torch.bfloat16 if has_bfloat16 else torch.float16
    if device.type == "cpu":
        # private in PyTorch, so they may disappear
        for name in ("_is_amx_tile_supported", "_is_avx512_bf16_supported"):
            if getattr(torch.cpu, name, bool)():
                return torch.bfloat16
    return torch.float32


def check_precision(precision: str) -> None:
    """Refuse an unknown precision."""
    if precision not in ("auto", *PRECISIONS):
        names = ", ".join(PRECISIONS)
        raise ValueError(f"precision must be one of auto, {names}")


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error says that the memory was too small."""
    signs = ("out of memory", "allocate memory", "not enough memory")
    found = any(sign in str(error).lower() for sign in signs)
    return found or isinstance(error, MemoryError)
