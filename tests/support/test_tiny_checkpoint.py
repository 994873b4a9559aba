import json
from pathlib import Path

import gguf
import numpy as np
import pytest
from PIL import Image

from tests.support.stock_pipeline import PilProcessor, StockResult, reference_area, run_stock
from tests.support.tiny_checkpoint import (
    BLOCK_QUANTISATIONS,
    QUANTISATIONS,
    WEIGHT_QUANTISATIONS,
    big_gguf,
    build_checkpoint,
    read_gguf_weights,
    write_gguf,
)
from tests.support.tiny_models import PREFIX_TOKENS, TEMPLATE_PREFIX, transformer_shapes

WIDTH, HEIGHT = 160, 96
BLOCK_WEIGHT = "transformer_blocks.1.img_mlp.net.0.proj.weight"


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_checkpoint(tmp_path_factory.mktemp("checkpoint"))


@pytest.fixture(scope="module")
def shapes(checkpoint: Path) -> dict[str, tuple[int, ...]]:
    return transformer_shapes(json.loads((checkpoint / "transformer" / "config.json").read_text()))


@pytest.fixture(scope="module")
def gguf_files(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("gguf")
    return {name: write_gguf(checkpoint, folder / f"{name}.gguf", name) for name in QUANTISATIONS}


def picture(width: int, height: int, seed: int) -> Image.Image:
    coarse = np.random.default_rng(seed).integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height))


def run(checkpoint: Path, path: Path, images: list[Image.Image], **changes: object) -> StockResult:
    settings = {"seed": 3, "steps": 2, "true_cfg_scale": 4.0, "reference_area_px": WIDTH * HEIGHT}
    settings |= {"width": WIDTH, "height": HEIGHT} | changes
    return run_stock(checkpoint, path, images, "make it red", " ", **settings)


@pytest.fixture(scope="module")
def one_reference(checkpoint: Path, gguf_files: dict[str, Path]) -> StockResult:
    return run(checkpoint, gguf_files["F32"], [picture(WIDTH, HEIGHT, 1)])


def test_the_layout_is_that_of_the_hub(checkpoint: Path) -> None:
    parts = json.loads((checkpoint / "model_index.json").read_text())
    folders = {name for name in parts if not name.startswith("_")}
    assert {path.name for path in checkpoint.iterdir() if path.is_dir()} == folders
    # transformers wrote the names that the published files have, split over several files.
    index = json.loads((checkpoint / "text_encoder" / "model.safetensors.index.json").read_text())
    assert {"model.layers.0.self_attn.q_proj.weight", "visual.patch_embed.proj.weight"} <= set(
        index["weight_map"]
    )


def test_the_template_prefix_is_64_tokens_whatever_follows(checkpoint: Path) -> None:
    from transformers import Qwen2Tokenizer

    tokenizer = Qwen2Tokenizer.from_pretrained(checkpoint / "tokenizer")
    prefix = tokenizer(TEMPLATE_PREFIX)["input_ids"]
    assert len(prefix) == PREFIX_TOKENS
    for text in ("Picture 1: <|vision_start|>", "user", " ", "é 😀"):
        tokens = tokenizer(TEMPLATE_PREFIX + text)["input_ids"]
        assert tokens[:PREFIX_TOKENS] == prefix
        assert tokenizer.decode(tokens) == TEMPLATE_PREFIX + text


def test_the_template_is_the_one_diffusers_has() -> None:
    import inspect

    from diffusers import QwenImageEditPlusPipeline

    source = inspect.getsource(QwenImageEditPlusPipeline.__init__)
    assert TEMPLATE_PREFIX.replace("\n", "\\n") in source
    assert f"prompt_template_encode_start_idx = {PREFIX_TOKENS}" in source


def test_the_processor_gives_each_image_its_own_tokens(checkpoint: Path) -> None:
    from transformers import Qwen2Tokenizer
    from transformers.models.qwen2_vl.image_processing_pil_qwen2_vl import Qwen2VLImageProcessorPil

    tokenizer = Qwen2Tokenizer.from_pretrained(checkpoint / "tokenizer")
    processor = PilProcessor(Qwen2VLImageProcessorPil.from_pretrained(checkpoint / "processor"), tokenizer)
    images = [picture(112, 64, 0), picture(64, 160, 1)]
    inputs = processor(["a<|image_pad|>b<|image_pad|>c"], images, padding=True, return_tensors="pt")
    expected = [int(grid.prod()) // 4 for grid in inputs["image_grid_thw"]]
    runs = tokenizer.decode(inputs["input_ids"][0]).split("<|image_pad|>")
    assert len(runs) - 1 == sum(expected)
    assert runs[0] == "a"
    assert runs[expected[0]] == "b"
    assert runs[-1] == "c"


@pytest.mark.parametrize("name", QUANTISATIONS)
def test_each_quantisation_reads_as_finite_weights_of_a_usable_scale(
    shapes: dict[str, tuple[int, ...]], gguf_files: dict[str, Path], name: str
) -> None:
    weights = read_gguf_weights(gguf_files[name])
    assert {key: tuple(value.shape) for key, value in weights.items()} == shapes
    assert all(value.isfinite().all() for value in weights.values())
    # One over the root of 256 inputs; less where sub-blocks share an offset.
    assert 0.02 < weights[BLOCK_WEIGHT].std() < 0.07
    assert weights[BLOCK_WEIGHT].mean().abs() < 0.005


@pytest.mark.parametrize("name", WEIGHT_QUANTISATIONS)
def test_quantised_weights_stay_near_the_weights(gguf_files: dict[str, Path], name: str) -> None:
    exact = read_gguf_weights(gguf_files["F32"])[BLOCK_WEIGHT]
    error = (read_gguf_weights(gguf_files[name])[BLOCK_WEIGHT] - exact).std() / exact.std()
    assert error < {"F32": 1e-9, "F16": 1e-3, "BF16": 5e-3, "Q8_0": 1e-2}.get(name, 0.12)


@pytest.mark.parametrize("name", BLOCK_QUANTISATIONS)
def test_tensors_have_the_types_of_a_converted_file(gguf_files: dict[str, Path], name: str) -> None:
    reader = gguf.GGUFReader(gguf_files[name])
    assert reader.fields["general.architecture"].contents() == "qwen_image"
    types = {tensor.name: tensor.tensor_type.name for tensor in reader.tensors}
    assert types[BLOCK_WEIGHT] == name
    assert types["transformer_blocks.0.attn.norm_q.weight"] == "F32"
    assert types["img_in.bias"] == "F32"
    # Its rows are 64 weights: no whole block of 256.
    assert types["img_in.weight"] == ("IQ4_NL" if name == "IQ4_NL" else "F16")


def test_a_seed_gives_the_same_file_and_another_seed_another(checkpoint: Path, tmp_path: Path) -> None:
    first, again, other = (
        write_gguf(checkpoint, tmp_path / f"{index}.gguf", "Q4_K", seed=seed).read_bytes()
        for index, seed in enumerate((0, 0, 1))
    )
    assert first == again
    assert first != other


def test_the_stock_pipeline_edits_one_picture(one_reference: StockResult) -> None:
    tokens = WIDTH * HEIGHT // 256
    assert one_reference.noise.shape == one_reference.latents.shape == (1, tokens, 64)
    assert one_reference.reference_latents.shape == (1, tokens, 64)
    assert len(one_reference.latents_by_step) == 2
    assert one_reference.latents.isfinite().all()
    assert 0.3 < one_reference.latents.std() < 4
    assert 0.5 < one_reference.reference_latents.std() < 2
    assert one_reference.picture.shape == (HEIGHT, WIDTH, 3)
    assert one_reference.to_image().size == (WIDTH, HEIGHT)
    # Neither flat nor clipped, so that a difference in the decoder shows.
    assert one_reference.picture.std() > 0.1
    assert ((one_reference.picture > 0) & (one_reference.picture < 1)).mean() > 0.9


def test_the_stock_pipeline_is_deterministic(
    checkpoint: Path, gguf_files: dict[str, Path], one_reference: StockResult
) -> None:
    again = run(checkpoint, gguf_files["F32"], [picture(WIDTH, HEIGHT, 1)])
    assert (again.latents == one_reference.latents).all()
    assert (again.picture == one_reference.picture).all()
    other = run(checkpoint, gguf_files["F32"], [picture(WIDTH, HEIGHT, 1)], seed=4)
    assert (other.latents - one_reference.latents).abs().max() > 0.1


def test_the_stock_pipeline_edits_two_pictures(
    checkpoint: Path, gguf_files: dict[str, Path], one_reference: StockResult
) -> None:
    images = [picture(WIDTH, HEIGHT, 1), picture(HEIGHT, WIDTH, 2)]
    two = run(checkpoint, gguf_files["Q4_K_M"], images)
    assert two.reference_latents.shape == (1, 2 * WIDTH * HEIGHT // 256, 64)
    assert (two.reference_latents[:, :60] == one_reference.reference_latents).all()
    assert two.prompt_embeds.shape[1] > one_reference.prompt_embeds.shape[1] + 150
    assert two.latents.isfinite().all()
    assert two.latents.std() > 0.3


def test_the_picture_changes_the_result(
    checkpoint: Path, gguf_files: dict[str, Path], one_reference: StockResult
) -> None:
    other = run(checkpoint, gguf_files["F32"], [picture(WIDTH, HEIGHT, 5)])
    assert (other.noise == one_reference.noise).all()
    assert (other.latents - one_reference.latents).std() > 0.05


def test_token_types_change_what_the_text_encoder_says(one_reference: StockResult) -> None:
    typed, untyped = one_reference.prompt_embeds, one_reference.untyped_prompt_embeds
    assert typed.shape == untyped.shape
    assert (typed - untyped).abs().max() > 0.1


def test_without_guidance_there_is_no_second_pass(checkpoint: Path, gguf_files: dict[str, Path]) -> None:
    lightning = {"base_shift": np.log(3), "max_shift": np.log(3), "shift_terminal": None}
    images = [picture(WIDTH, HEIGHT, 1)]
    result = run(checkpoint, gguf_files["Q4_0"], images, true_cfg_scale=1.0, scheduler=lightning)
    assert result.negative_prompt_embeds is None
    # exp(mu) = 3: sigma becomes 3s / (1 + 2s).
    assert result.sigmas.tolist() == pytest.approx([1.0, 0.75, 0.0], abs=1e-6)


def test_the_reference_area_is_put_back_after_an_error() -> None:
    from diffusers.pipelines.qwenimage import pipeline_qwenimage_edit_plus as module

    with pytest.raises(ZeroDivisionError), reference_area(1):
        assert module.VAE_IMAGE_SIZE == 1
        raise ZeroDivisionError
    assert module.VAE_IMAGE_SIZE == 1024 * 1024


def test_a_big_file_is_about_as_big_as_asked(tmp_path: Path) -> None:
    path = big_gguf(tmp_path, size_mb=60)
    assert path.stat().st_size == pytest.approx(60e6, rel=0.2)
    config = json.loads((tmp_path / "transformer" / "config.json").read_text())
    tensors = gguf.GGUFReader(path).tensors
    shapes = {tensor.name: tuple(int(side) for side in reversed(tensor.shape)) for tensor in tensors}
    assert shapes == transformer_shapes(config)
