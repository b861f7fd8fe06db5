"""Network inputs, references and loss terms of baked frames, for the tasks that train the transformer."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from models.dit import MAP_CONFIDENCE, MAP_FLOW, CausalDiT, Edit, FrameInput
from models.geometry.picture_layers import person_over_plate
from models.sampler import Focus, reference_input, render
from training.data.bake import Baked
from training.loop.loss import GroundTruth, frame_loss


def reference_focus(batch: Baked) -> Focus:
    """Focus boxes of the batch's references."""
    person = person_over_plate(batch.picture, batch.matte, batch.plate)
    chart = F.pad(batch.chart, (0, 0, 0, 0, 0, 1), value=1.0)  # opaque
    return Focus.build(batch.picture, batch.plate, person, batch.body, chart, batch.mouth)


def clean_input(batch: Baked, t: int) -> FrameInput:
    """Frame t as a further reference: s = 0, zero flow and full confidence."""
    picture = batch.truth[:, t]
    maps = batch.maps[:, t].clone()
    maps[:, MAP_FLOW], maps[:, MAP_CONFIDENCE] = 0, 1
    clean = torch.zeros(len(picture), device=picture.device)
    return FrameInput(picture, picture * 2 - 1, maps, batch.canonical[:, t], batch.tokens[:, t], clean)


def encode_references(network: CausalDiT, batch: Baked, focus: Focus, times: list[int]) -> tuple[Tensor, Tensor]:
    """K/V (L, B, H, R·N, D) of the reference and other frames, repeated until all R slots are filled."""
    inputs = [reference_input(focus, batch.rest_maps, batch.rest_canonical, batch.rest_tokens)]
    inputs += [clean_input(batch, t) for t in times]
    encoded = [network.encode_reference(frame) for frame in inputs]
    slots = [encoded[slot % len(encoded)] for slot in range(network.config.references)]
    return torch.cat([keys for keys, _ in slots], 3), torch.cat([values for _, values in slots], 3)


def frame_truth(batch: Baked, t: int) -> GroundTruth:
    """Ground truth of frame t."""
    return GroundTruth(batch.truth[:, t], batch.alpha[:, t], batch.flow[:, t], batch.visible[:, t], batch.label[:, t])


def frame_terms(
    focus: Focus, frame: FrameInput, layers: Tensor, edit: Edit, truth: GroundTruth
) -> tuple[dict[str, Tensor], Tensor]:
    """Loss terms of a frame's edit, and the composed frame (B, 3, side, side). layers: from `layer_maps`."""
    edit_fp32 = Edit(*(getattr(edit, name).float() for name in Edit.__slots__))
    pixels, flow = render(focus, frame, layers, edit_fp32)
    drawn, alpha = pixels[:, :3], pixels[:, 3:]
    return frame_loss(drawn, edit_fp32, flow, alpha, truth), drawn
