"""Images as few as a test can do with."""

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
