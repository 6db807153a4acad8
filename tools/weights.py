"""Train the packaged compact NiNs again: ``make weights``.

Writes ``compact_nin-<data>.safetensors`` into ``onebyone/recorded/``, for
Fashion-MNIST and for the ten generated letters, with what produced them
in the file's metadata.
"""

import platform

import torch
from safetensors.torch import save

from onebyone import files
from onebyone.data import FashionMNIST, Letters
from onebyone.models import compact_nin
from onebyone.training import Trainer
from tools import ROOT

RECORDED = ROOT / "onebyone" / "recorded"
EPOCHS, PEAK_LR, SEED = 4, 0.1, 0


def main() -> None:
    """Train one net a data set; replace its file only when it is done."""
    for data_class in (FashionMNIST, Letters):
        data = data_class(batch_size=128)
        torch.manual_seed(SEED)
        net = compact_nin()
        trainer = Trainer(max_epochs=EPOCHS, lr=PEAK_LR, seed=SEED)
        accuracy = trainer.fit(net, data).test_accuracy
        file = RECORDED / f"compact_nin-{data.name}.safetensors"
        metadata = {
            "made_by": "python -m tools.weights",
            "data": data.name,
            "epochs": str(EPOCHS),
            "peak_lr": str(PEAK_LR),
            "seed": str(SEED),
            "test_accuracy": f"{accuracy:.4f}",
            "torch": torch.__version__,
            "device": str(data.device),
            "processor": platform.machine(),
        }
        weights = {k: v.cpu() for k, v in net.state_dict().items()}
        files.write(file, save(weights, metadata))
        print(f"{file.name}: test accuracy {accuracy:.4f}")


if __name__ == "__main__":
    main()
