"""A tiny checkpoint in the layout of `Qwen/Qwen-Image-Edit-2509`, and its transformer as GGUF files."""

import json
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import gguf
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

from tests.support.random_blocks import SCALE_FIELDS, random_rows
from tests.support.tiny_models import (
    TRANSFORMER_CONFIG,
    build_text_encoder,
    build_tokenizer,
    build_vae,
    one_thread,
    random_weight,
    transformer_shapes,
    weight_std,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    import torch
    from transformers import Qwen2Tokenizer

Q = GGMLQuantizationType

# Really quantised from the weights; and random blocks, because gguf-py cannot quantise to these.
WEIGHT_QUANTISATIONS = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1")
BLOCK_QUANTISATIONS = ("Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS")
# As published: Q4_K for most, Q6_K for values and the ends of the MLPs, BF16 outside the blocks.
MIXED_QUANTISATIONS = ("Q4_K_M",)
QUANTISATIONS = WEIGHT_QUANTISATIONS + BLOCK_QUANTISATIONS + MIXED_QUANTISATIONS

MODEL_INDEX = {
    "_class_name": "QwenImageEditPlusPipeline",
    "_diffusers_version": "0.36.0.dev0",
    "processor": ["transformers", "Qwen2VLProcessor"],
    "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
    "text_encoder": ["transformers", "Qwen2_5_VLForConditionalGeneration"],
    "tokenizer": ["transformers", "Qwen2Tokenizer"],
    "transformer": ["diffusers", "QwenImageTransformer2DModel"],
    "vae": ["diffusers", "AutoencoderKLQwenImage"],
}
SCHEDULER = {
    "_class_name": "FlowMatchEulerDiscreteScheduler",
    "_diffusers_version": "0.36.0.dev0",
    "base_image_seq_len": 256,
    "base_shift": 0.5,
    "invert_sigmas": False,
    "max_image_seq_len": 8192,
    "max_shift": 0.9,
    "num_train_timesteps": 1000,
    "shift": 1.0,
    "shift_terminal": 0.02,
    "stochastic_sampling": False,
    "time_shift_type": "exponential",
    "use_beta_sigmas": False,
    "use_dynamic_shifting": True,
    "use_exponential_sigmas": False,
    "use_karras_sigmas": False,
}
IMAGE_PROCESSOR = {
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_rescale": True,
    "do_resize": True,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_processor_type": "Qwen2VLImageProcessor",
    "image_std": [0.26862954, 0.26130258, 0.27577711],
    "max_pixels": 12845056,
    "merge_size": 2,
    "min_pixels": 3136,
    "patch_size": 14,
    "processor_class": "Qwen2VLProcessor",
    "resample": 3,
    "rescale_factor": 1 / 255,
    "size": {"longest_edge": 12845056, "shortest_edge": 3136},
    "temporal_patch_size": 2,
}


def build_checkpoint(folder: Path, *, seed: int = 0) -> Path:
    """Write every folder of the hub, of the transformer the configuration alone; returns `folder`."""
    tokenizer = write_configs(folder, TRANSFORMER_CONFIG)
    with one_thread():
        text_encoder, vae = build_text_encoder(tokenizer, seed=seed), build_vae(seed=seed)
    # In several files with an index, as the real one.
    text_encoder.save_pretrained(folder / "text_encoder", max_shard_size="4MB")
    vae.save_pretrained(folder / "vae")
    return folder


def write_configs(folder: Path, transformer: "Mapping[str, Any]") -> "Qwen2Tokenizer":
    """Write all that has no weights, for a transformer of this configuration; returns the tokenizer."""
    write_json(folder / "model_index.json", MODEL_INDEX)
    write_json(folder / "scheduler" / "scheduler_config.json", SCHEDULER)
    write_json(folder / "processor" / "preprocessor_config.json", IMAGE_PROCESSOR)
    write_json(folder / "transformer" / "config.json", transformer)
    tokenizer = build_tokenizer()
    tokenizer.save_pretrained(folder / "tokenizer")
    return tokenizer


def write_gguf(checkpoint: Path, target: Path, quantisation: str, *, seed: int = 0) -> Path:
    """Write the checkpoint's transformer as a GGUF file in one of `QUANTISATIONS`. Returns `target`.

    The same seed gives the same weights, before quantisation, in each of `WEIGHT_QUANTISATIONS`. As in
    city96's converter vectors stay F32, and rows that no block divides become F16.
    """
    shapes = transformer_shapes(json.loads((checkpoint / "transformer" / "config.json").read_text()))
    types = {name: tensor_type(name, shape, quantisation) for name, shape in shapes.items()}

    def tensors() -> "Iterator[np.ndarray]":
        for name, shape in shapes.items():
            yield tensor_bytes(name, shape, types[name], seed)

    with one_thread():
        write_tensors(target, {name: (shapes[name], types[name]) for name in shapes}, tensors())
    return target


def read_gguf_weights(path: Path) -> "dict[str, torch.Tensor]":
    """Each tensor of a GGUF file as gguf-py dequantises it: float32, in torch's order of sides."""
    import torch

    weights = {}
    for tensor in gguf.GGUFReader(path).tensors:
        values = gguf.quants.dequantize(tensor.data, tensor.tensor_type)
        shape = [int(side) for side in reversed(tensor.shape)]
        weights[tensor.name] = torch.from_numpy(np.array(values, dtype=np.float32).reshape(shape))
    return weights


def big_gguf(folder: Path, size_mb: int = 300) -> Path:
    """Write `transformer/config.json` and a Q8_0 `transformer/big.gguf` of `size_mb`; returns the latter.

    A megabyte is 10⁶ bytes. Width 768, as many blocks as the size needs; the other parts of the tiny
    checkpoint fit it. Weights are random blocks, the same for every tensor of one shape, so that nothing
    larger than a few tensors is ever held.
    """
    heads = 12
    config = dict(TRANSFORMER_CONFIG) | {"num_attention_heads": heads}
    width = heads * config["attention_head_dim"]
    block_bytes = 36 * width * width * 34 / 32
    config["num_layers"] = max(1, round(size_mb * 1e6 / block_bytes))
    write_json(folder / "transformer" / "config.json", config)
    shapes = transformer_shapes(config)
    types = {name: tensor_type(name, shape, "Q8_0") for name, shape in shapes.items()}
    rng = np.random.default_rng(0)
    matrices: dict[tuple[int, ...], np.ndarray] = {}

    def tensors() -> "Iterator[np.ndarray]":
        for name, shape in shapes.items():
            if types[name] is not Q.Q8_0:
                yield tensor_bytes(name, shape, types[name], 0)
                continue
            if shape not in matrices:
                matrices[shape] = random_rows(Q.Q8_0, shape, weight_std(name, shape), rng)
            yield matrices[shape]

    target = folder / "transformer" / "big.gguf"
    write_tensors(target, {name: (shapes[name], types[name]) for name in shapes}, tensors())
    return target


def tensor_type(name: str, shape: tuple[int, ...], quantisation: str) -> GGMLQuantizationType:
    """The type of a tensor of the transformer in one of `QUANTISATIONS`."""
    if quantisation not in QUANTISATIONS:
        raise ValueError(f"no such quantisation: {quantisation}")
    if len(shape) == 1:
        return Q.F32
    if quantisation == "Q4_K_M":
        if not name.startswith("transformer_blocks."):
            return Q.BF16
        more = name.endswith(("to_v.weight", "add_v_proj.weight", "net.2.weight"))
        return Q.Q6_K if more else Q.Q4_K
    qtype = Q[quantisation]
    return Q.F16 if shape[-1] % GGML_QUANT_SIZES[qtype][0] else qtype


def tensor_bytes(name: str, shape: tuple[int, ...], qtype: GGMLQuantizationType, seed: int) -> np.ndarray:
    """The bytes of a random tensor, drawn from its name and a seed."""
    import torch

    key = [seed, zlib.crc32(name.encode())]
    if qtype in SCALE_FIELDS and qtype is not Q.Q8_0:
        return random_rows(qtype, (shape[0], shape[1]), weight_std(name, shape), np.random.default_rng(key))
    generator = torch.Generator("cpu").manual_seed(key[0] * 2**32 + key[1])
    return gguf.quants.quantize(random_weight(name, shape, generator).numpy(), qtype)


def write_tensors(
    target: Path,
    plan: "Mapping[str, tuple[tuple[int, ...], GGMLQuantizationType]]",
    tensors: "Iterable[np.ndarray]",
) -> None:
    """Write a GGUF file, holding one tensor at a time; `tensors` come in the order of the plan."""
    target.parent.mkdir(parents=True, exist_ok=True)
    writer = gguf.GGUFWriter(target, "qwen_image")
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)
    for name, (shape, qtype) in plan.items():
        block, block_bytes = GGML_QUANT_SIZES[qtype]
        row_bytes = shape[-1] // block * block_bytes
        byte_shape = (*shape[:-1], row_bytes)
        size = int(np.prod(byte_shape))
        # The writer works out the shape of the weights from that of their bytes.
        writer.add_tensor_info(name, byte_shape, np.dtype(np.uint8), size, raw_dtype=qtype)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_ti_data_to_file()
    for tensor in tensors:
        writer.write_tensor_data(tensor)
    writer.close()


def write_json(path: Path, content: "Mapping[str, Any]") -> None:
    """Write a JSON file, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2) + "\n")
