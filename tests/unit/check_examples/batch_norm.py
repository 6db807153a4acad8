"""Answers to the exercises *Batch norm*."""

import torch
from torch.nn import functional as F

from check_examples import Examples


def by_torch(X, running_mean, running_var, gamma, beta, training):
    kept = running_mean.clone(), running_var.clone()
    return F.batch_norm(X, *kept, gamma, beta, training)


def by_channel(X, running_mean, running_var, gamma, beta, training):
    channels = []
    for c, channel in enumerate(X.unbind(1)):
        mean, var = running_mean[c], running_var[c]
        if training:
            mean = channel.mean()
            var = (channel - mean).square().mean()
        normed = (channel - mean) / torch.sqrt(var + 1e-5)
        channels.append(gamma[c] * normed + beta[c])
    return torch.stack(channels, dim=1)


def batch_norm_by_hand(*case):
    return by_channel(*case)


def by_helper(*case):
    return batch_norm_by_hand(*case)


def by_instances(X, running_mean, running_var, gamma, beta, training):
    one = X.transpose(0, 1).flatten(1)[None]  # one image, of all images
    kept = running_mean.clone(), running_var.clone()
    normed = F.instance_norm(one, *kept, gamma, beta, training)
    return normed.view(X.shape[1], len(X), *X.shape[2:]).transpose(0, 1)


def without_eps(X, running_mean, running_var, gamma, beta, training):
    mean, var = running_mean, running_var
    if training:
        mean, var = X.mean((0, 2, 3)), X.var((0, 2, 3), correction=0)
    normed = (X - mean[:, None, None]) / var.sqrt()[:, None, None]
    return (gamma[:, None, None] * normed + beta[:, None, None]).float()


def in_place(X, *rest):
    result = by_channel(X, *rest)
    X.zero_()
    return result


def moves_statistics(X, running_mean, running_var, gamma, beta, training):
    result = by_channel(X, running_mean, running_var, gamma, beta, training)
    running_mean.mul_(0.9).add_(0.1 * X.mean(dim=(0, 2, 3)))
    return result


EXAMPLES = {
    "in_python": Examples(
        right=[by_channel, by_helper],
        mutants=[
            (by_torch, "which the task does not allow"),
            (by_instances, "uses `instance_norm`, which the task"),
            (without_eps, "You left out `eps`"),
            (in_place, "changes its input `X`"),
            (moves_statistics, "changes its input `running_mean`"),
            (lambda X, *rest: by_channel(X, *rest)[:, 0], "shape"),
        ],
    ),
}
