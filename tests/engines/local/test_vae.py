"""The two-dimensional VAE against diffusers' own, whole and in tiles."""

import json
import shutil
import weakref
from collections import Counter
from copy import deepcopy
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKLQwenImage
from PIL import Image
from safetensors.torch import load_file, save_file
from torch.utils._python_dispatch import TorchDispatchMode

from qie_desktop.core.cancel import CancelToken, JobCancelled
from qie_desktop.core.errors import CheckpointDamaged, CheckpointMismatch
from qie_desktop.engines.local.inference import vae_layers
from qie_desktop.engines.local.inference.autoencoder import Autoencoder
from qie_desktop.engines.local.inference.device import Device, choose_device
from qie_desktop.engines.local.inference.failures import loading
from qie_desktop.engines.local.inference.vae_2d import Vae2d, VaeConfig, load_vae
from tests.support.tiny_models import build_vae

CPU = choose_device("cpu")
SIZES = [(64, 112), (48, 32), (16, 16)]
LEVEL = 2 / 255
"""A step of 8 bits, of pixels from -1 to 1."""


def load(folder: Path, device: Device = CPU) -> Vae2d:
    return load_vae(folder, VaeConfig.read(folder), device)


def picture(height: int, width: int) -> torch.Tensor:
    """A soft random picture `(1, 3, H, W)` from -1 to 1."""
    coarse = (
        torch.rand(1, 3, height // 8, width // 8, generator=torch.Generator().manual_seed(height)) * 2 - 1
    )
    return torch.nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")


@pytest.fixture(scope="module", params=["tiny", "larger", "starter"])
def folder(request, tiny, resources, tmp_path_factory) -> Path:
    """The vae folder of the tiny checkpoint, of a wider and deeper one, of the one in the app."""
    if request.param == "larger":
        path = tmp_path_factory.mktemp("larger")
        build_vae(seed=1, width=32, blocks=2).save_pretrained(path)
        return path
    return (tiny if request.param == "tiny" else resources / "starter") / "vae"


@pytest.fixture(scope="module")
def stock(folder) -> AutoencoderKLQwenImage:
    return AutoencoderKLQwenImage.from_pretrained(folder, torch_dtype=torch.float32).eval()


@pytest.fixture(scope="module")
def ours(folder) -> Vae2d:
    return load(folder)


@torch.inference_mode()
@pytest.mark.parametrize("size", SIZES)
def test_latents_and_pictures_equal_those_of_the_three_dimensional_class(stock, ours, size):
    pixels = picture(*size)
    latents = stock.encode(pixels[:, :, None]).latent_dist.mode()[:, :, 0]
    decoded = stock.decode(latents[:, :, None]).sample[:, :, 0]
    spread = torch.tensor(stock.config.latents_std).view(1, -1, 1, 1)

    assert float(((ours.encode(pixels) - latents) / spread).abs().max()) <= 1e-5
    assert float((ours.decode(latents).clamp(-1, 1) - decoded).abs().max()) <= 1e-5
    assert float(decoded.std()) > 0.05, "a picture of one colour would prove nothing"


@torch.inference_mode()
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("tile_bytes", [1, 100_000, 1_000_000])
def test_tiles_have_no_seams(ours, size, tile_bytes):
    pixels = picture(*size)
    latents = ours.encode(pixels)

    assert float((ours.encode(pixels, tile_bytes) - latents).abs().max()) <= 2e-5
    difference = ours.decode(latents, tile_bytes) - ours.decode(latents)
    assert float(difference.abs().max()) <= min(1e-5, LEVEL)


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all tensors that are made while it lasts, until they are gone."""

    def __init__(self) -> None:
        super().__init__()
        self.live = self.peak = 0
        self._owners: Counter[int] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        result = func(*args, **(kwargs or {}))
        for tensor in result if isinstance(result, (tuple, list)) else [result]:
            if not isinstance(tensor, torch.Tensor):
                continue
            storage = tensor.untyped_storage()
            where, size = storage.data_ptr(), storage.nbytes()
            self.live += 0 if self._owners[where] else size
            self._owners[where] += 1
            weakref.finalize(tensor, self._gone, where, size)
        self.peak = max(self.peak, self.live)
        return result

    def _gone(self, where: int, size: int) -> None:
        self._owners[where] -= 1
        self.live -= 0 if self._owners[where] else size


def peak_of(run) -> int:
    with torch.no_grad(), LiveBytes() as bytes_:
        run()
    return bytes_.peak


def test_tiles_keep_within_what_they_were_given(tiny, monkeypatch):
    monkeypatch.setattr(vae_layers, "_STRIP_NUMBERS", 1 << 12)
    vae = load(tiny / "vae")
    pixels, latents = picture(256, 384), torch.randn(1, 16, 32, 48)
    # 16 channels of as many pixels: the residual blocks of the finest scale hold three of them.
    finest = 16 * 256 * 384 * 4
    for run, result in ((vae.encode, 32 * 32 * 48 * 4), (vae.decode, 3 * 256 * 384 * 4)):
        given = pixels if run == vae.encode else latents
        whole = peak_of(partial(run, given))
        assert 3 * finest <= whole < 4 * finest
        assert peak_of(partial(run, given, 3 * whole)) < 1.05 * whole
        for tile_bytes in (2 * finest, finest):
            assert peak_of(partial(run, given, tile_bytes)) - result <= tile_bytes
        assert peak_of(partial(run, given, 1)) < whole / 4


def test_there_are_no_three_dimensional_layers_and_a_third_of_the_weights(stock, ours):
    count = {
        name: sum(parameter.numel() for parameter in model.parameters())
        for name, model in (("stock", stock), ("ours", ours))
    }

    assert not any(isinstance(module, torch.nn.Conv3d) for module in ours.modules())
    assert all(parameter.dim() != 5 for parameter in ours.parameters())
    assert count["ours"] < 0.38 * count["stock"]


@torch.inference_mode()
def test_an_attention_that_adds_nothing_is_left_out(resources, tiny):
    def attends(folder):
        return [
            any(isinstance(layer, vae_layers.Attention) for layer in part.layers)
            for part in (load(folder).encoder, load(folder).decoder)
        ]

    assert attends(resources / "starter" / "vae") == [False, False]
    assert attends(tiny / "vae") == [True, True]


@torch.inference_mode()
def test_a_picture_is_encoded_alike_with_channels_outermost(ours):
    pixels = picture(64, 112)
    plain = deepcopy(ours).to(memory_format=torch.contiguous_format)

    latents = ours.encode(pixels)

    assert float((plain.encode(pixels) - latents).abs().max()) <= 2e-5 * float(latents.std())
    assert float((plain.decode(latents) - ours.decode(latents)).abs().max()) <= 1e-5


def test_weights_split_over_several_files_are_the_same(tiny, tmp_path):
    whole = AutoencoderKLQwenImage.from_pretrained(tiny / "vae")
    whole.save_pretrained(tmp_path, max_shard_size="2MB")
    latents = torch.randn(1, 16, 4, 6)

    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    assert torch.equal(load(tmp_path).decode(latents), load(tiny / "vae").decode(latents))


@pytest.fixture
def copy(tiny, tmp_path) -> Path:
    return Path(shutil.copytree(tiny / "vae", tmp_path / "vae"))


def change_weights(folder: Path, change) -> None:
    path = folder / "diffusion_pytorch_model.safetensors"
    weights = load_file(path)
    change(weights)
    save_file(weights, path, metadata={"format": "pt"})


def change_config(folder: Path, **changes) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_weight_that_is_missing_is_named(copy):
    change_weights(copy, lambda weights: weights.pop("decoder.up_blocks.1.resnets.0.conv1.weight"))

    with pytest.raises(
        CheckpointMismatch, match=r"lacks 1 of its weights: decoder\.up_blocks\.1\.resnets\.0"
    ):
        load(copy)


def test_a_weight_of_another_shape_is_named_with_both(copy):
    change_weights(copy, lambda weights: weights.update({"quant_conv.weight": torch.zeros(32, 8, 1, 1, 1)}))

    with pytest.raises(CheckpointMismatch, match=r"quant_conv.weight \(32, 8, 1, 1, 1\) instead of \(32, 32"):
        load(copy)


def test_weights_for_a_next_frame_are_not_asked_for(copy):
    def without_time(weights):
        for name in [name for name in weights if "time_conv" in name]:
            del weights[name]

    change_weights(copy, without_time)

    load(copy)


def test_a_config_of_another_width_does_not_fit_the_weights(copy):
    change_config(copy, base_dim=32)

    with pytest.raises(CheckpointMismatch, match="weights"):
        load(copy)


@pytest.mark.parametrize(
    "changes", [{"latents_std": [1.0] * 4}, {"attn_scales": [0.5]}, {"input_channels": 4}, {"z_dim": 4}]
)
def test_a_config_of_another_vae_is_refused(copy, changes):
    change_config(copy, **changes)

    with pytest.raises(CheckpointMismatch, match="VAE"):
        load(copy)


@pytest.mark.parametrize("content", ["", "[]", '{"dim_mult": 3}', '{"base_dim": "wide"}'])
def test_a_config_that_cannot_be_read_is_damaged(copy, content):
    (copy / "config.json").write_text(content)

    with pytest.raises(CheckpointDamaged), loading("VAE"):
        Autoencoder(copy, CPU)


@torch.inference_mode()
@pytest.mark.parametrize("tile_bytes", [None, 1])
@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_a_cancel_is_noticed_between_two_layers_whole_or_in_tiles(tiny, part, tile_bytes):
    autoencoder = Autoencoder(tiny / "vae", CPU, tile_bytes)
    cancel, ran = CancelToken(), []
    layers = getattr(autoencoder._vae, part).layers
    # More layers than there are: in tiles they run several times.
    stop_after = 4 if tile_bytes is None else len(layers) + 2

    def on_layer(*_):
        ran.append(1)
        if len(ran) == stop_after:
            cancel.cancel()

    for layer in layers:
        layer.register_forward_hook(on_layer)

    with pytest.raises(JobCancelled):
        if part == "encoder":
            autoencoder.encode(Image.new("RGB", (64, 96)), cancel)
        else:
            autoencoder.decode(torch.randn(1, 16, 12, 8), cancel, lambda: None)

    assert len(ran) == stop_after


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_once_more_in_float32_takes_no_more_memory_than_before(tiny, monkeypatch, part):
    monkeypatch.setattr(vae_layers, "_STRIP_NUMBERS", 1 << 12)
    autoencoder = Autoencoder(tiny / "vae", Device(torch.device("cpu"), torch.bfloat16))
    latents, image = torch.randn(1, 16, 32, 48), Image.new("RGB", (384, 256), "teal")
    types: list[torch.dtype] = []

    def run() -> None:
        if part == "encoder":
            autoencoder.encode(image, CancelToken())
        else:
            autoencoder.decode(latents, CancelToken(), lambda: None)

    def spoil(_layer: torch.nn.Module, _given: object, result: torch.Tensor) -> torch.Tensor:
        types.append(result.dtype)
        return result * torch.nan if result.dtype == torch.bfloat16 else result

    once = peak_of(run)
    getattr(autoencoder._vae, part).layers[-1].register_forward_hook(spoil)

    assert peak_of(run) <= 1.05 * once
    assert {torch.bfloat16, torch.float32} == set(types)
    assert {weight.dtype for weight in autoencoder._vae.parameters()} == {torch.bfloat16}


@torch.inference_mode()
def test_bfloat16_whole_and_in_tiles_gives_nearly_the_picture_of_float32(tiny):
    half = Device(torch.device("cpu"), torch.bfloat16)
    latents = torch.randn(1, 16, 12, 8, generator=torch.Generator().manual_seed(0))
    pictures = [
        np.asarray(
            Autoencoder(tiny / "vae", device, tile_bytes).decode(latents, CancelToken(), lambda: None), float
        )
        for device, tile_bytes in ((CPU, None), (half, None), (half, 100_000))
    ]

    assert np.abs(pictures[1] - pictures[0]).mean() < 3
    assert np.abs(pictures[2] - pictures[1]).mean() < 1
