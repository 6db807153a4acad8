"""Images as few as a test of a study can do with."""

import torch

from onebyone.data import ImageData


class FewImages(ImageData):
    """Random images, as few as there are classes twice over."""

    name = "few"
    class_names = list("ABCDEFGHIJ")

    def read(self):
        generator = torch.Generator().manual_seed(0)
        images = torch.randint(
            0, 256, (40, 1, 28, 28), dtype=torch.uint8, generator=generator
        )
        labels = torch.arange(40) % 10
        return images[:20], labels[:20], images[20:], labels[20:]


def few_images(*, validation: int = 0, **options) -> FewImages:
    """Return them in the size and split that a study asks for."""
    held_out = {"validation": 10} if validation else {}
    options |= {"fraction": 1.0, **held_out}
    return FewImages(**{"batch_size": 10} | options)
