"""The files of the compact text encoder: every tensor has its place, and wrong files are named."""

import json
import shutil
from pathlib import Path

import gguf
import pytest

from qie_desktop.core.cancel import CancelToken
from qie_desktop.core.errors import CheckpointDamaged, CheckpointIncomplete, CheckpointMismatch
from qie_desktop.engines.local.checkpoint import read_json
from qie_desktop.engines.local.gguf_header import read_header
from qie_desktop.engines.local.inference.device import choose_device
from qie_desktop.engines.local.inference.text_encoder_gguf import load_compact_text_encoder
from qie_desktop.engines.local.text_encoder_files import CompactTextEncoder, read_language, read_vision
from qie_desktop.engines.local.text_encoder_names import PATCH_FRAMES, language_modules, vision_modules
from tests.support.tiny_text_encoder import real_shapes, write_text_encoder


@pytest.fixture(scope="module")
def files(tiny, tmp_path_factory) -> CompactTextEncoder:
    return CompactTextEncoder(*write_text_encoder(tiny, tmp_path_factory.mktemp("compact"), "Q8_0"))


@pytest.fixture
def folder(tiny, tmp_path) -> Path:
    """A copy of the text encoder's folder, with its config alone."""
    copy = tmp_path / "text_encoder"
    copy.mkdir()
    shutil.copy(tiny / "text_encoder" / "config.json", copy)
    return copy


def load(folder: Path, files: CompactTextEncoder):
    return load_compact_text_encoder(folder, files, choose_device("cpu"), CancelToken(), lambda _: None)


def renamed(path: Path, target: Path, old: str, new: str) -> Path:
    """Return a copy in which a name is another one of the same length."""
    assert len(old) == len(new)
    target.write_bytes(path.read_bytes().replace(old.encode(), new.encode()))
    return target


def test_every_tensor_of_the_files_is_used_but_for_the_language_head(files):
    used = {stem for stems in (language_modules(2) | vision_modules(2)).values() for stem in stems}
    found = read_language(files.language).tensors.keys() | read_vision(files.vision).tensors.keys()

    unused = {name for name in found if name.rpartition(".")[0] not in used}
    assert unused == {"output.weight", *PATCH_FRAMES}
    assert used == {name.rpartition(".")[0] for name in found - unused}


def test_every_weight_of_the_real_model_has_its_place():
    known = language_modules(28) | vision_modules(32) | {"visual.patch_embed.proj": PATCH_FRAMES}

    assert {name.rpartition(".")[0] for name in real_shapes()} == known.keys()


def test_the_names_are_those_of_gguf_py():
    language = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2VL, 28)
    vision = gguf.get_tensor_name_map(gguf.MODEL_ARCH.MMPROJ, 32)

    for module, (stem, *_) in language_modules(28).items():
        assert language.get_name(module.replace("language_model.", "model.")) == stem
    for module, stems in vision_modules(32).items():
        parts = [module.replace("qkv", part) for part in "qkv"] if module.endswith("qkv") else [module]
        assert tuple(vision.get_name(part) for part in parts) == stems


def test_files_in_each_others_place_are_named(files):
    with pytest.raises(CheckpointMismatch, match="vision tower"):
        read_language(files.vision)
    with pytest.raises(CheckpointMismatch, match="architecture qwen2vl, not clip"):
        read_vision(files.language)


def test_a_transformer_is_no_text_encoder(tiny_gguf):
    with pytest.raises(CheckpointMismatch, match="architecture qwen_image, not qwen2vl"):
        read_language(tiny_gguf)


def test_the_vision_tower_of_another_model_is_refused_with_what_it_is(files, tmp_path):
    other = renamed(files.vision, tmp_path / "other.gguf", "qwen2.5vl_merger", "qwen3vl_merger__")

    with pytest.raises(CheckpointMismatch, match=r"other\.gguf .*qwen3vl_merger__"):
        read_vision(other)


@pytest.mark.parametrize(
    ("part", "key", "value", "said"),
    [
        ("text_config", "num_hidden_layers", 28, "layers: 2; .* 28"),
        ("text_config", "hidden_size", 3584, "width 256; .* 3584"),
        ("text_config", "num_key_value_heads", 4, "key and value heads: 2; .* 4"),
        ("vision_config", "depth", 32, "vision layers: 2; .* 32"),
        ("vision_config", "out_hidden_size", 2048, "projected width 256; .* 2048"),
    ],
)
def test_files_of_another_size_are_named_without_reading_weights(files, folder, part, key, value, said):
    config = read_json(folder / "config.json")
    config[part] = {**config[part], key: value}

    with pytest.raises(CheckpointMismatch, match=said):
        files.check(config)


def test_a_config_of_an_older_release_has_its_sizes_on_the_top_level(files, folder):
    config = read_json(folder / "config.json")
    flat = {**config, **config.pop("text_config"), "num_hidden_layers": 3}
    del flat["text_config"]

    with pytest.raises(CheckpointMismatch, match="layers: 2; .* 3"):
        files.check(flat)


def test_shapes_that_do_not_fit_the_config_are_named(files, folder):
    config = json.loads((folder / "config.json").read_text())
    config["vision_config"]["intermediate_size"] = 96
    (folder / "config.json").write_text(json.dumps(config))

    with pytest.raises(CheckpointMismatch, match=r"ffn_gate.weight \(128, 64\) instead of \(96, 64\)"):
        load(folder, files)
    config["text_config"]["vocab_size"] += 1
    config["vision_config"]["intermediate_size"] = 128
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointMismatch, match="shapes: token_embd.weight"):
        load(folder, files)


def test_tensors_that_are_missing_are_named(files, folder, tmp_path):
    language = renamed(files.language, tmp_path / "language.gguf", "blk.1.ffn_up", "blk.1.ffn_no")
    vision = renamed(files.vision, tmp_path / "vision.gguf", "v.patch_embd.weight.1", "v.patch_embd.weight.2")

    with pytest.raises(CheckpointMismatch, match=r"language\.gguf .* lack 1 .* blk\.1\.ffn_up\.weight"):
        load(folder, CompactTextEncoder(language, files.vision))
    with pytest.raises(CheckpointMismatch, match=r"lack 1 .* v\.patch_embd\.weight\.1"):
        load(folder, CompactTextEncoder(files.language, vision))


@pytest.mark.parametrize("which", [0, 1])
def test_a_file_that_is_cut_off_is_named(files, folder, tmp_path, which):
    paths = list(files.files)
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(paths[which].read_bytes()[:-1000])
    paths[which] = cut

    with pytest.raises(CheckpointDamaged, match=r"cut\.gguf"):
        load(folder, CompactTextEncoder(*paths))


def test_a_file_that_shrinks_while_it_is_read_is_named(files, folder, tmp_path):
    language = Path(shutil.copy(files.language, tmp_path / "language.gguf"))
    norm = read_header(language).tensors["output_norm.weight"]

    def shrink(done: float) -> None:
        with language.open("r+b") as file:
            file.truncate(norm.offset)

    with pytest.raises(CheckpointDamaged, match="ends within output_norm.weight"):
        load_compact_text_encoder(
            folder, CompactTextEncoder(language, files.vision), choose_device("cpu"), CancelToken(), shrink
        )


def test_a_file_that_is_not_there_is_named_with_its_setting(files, tmp_path):
    with pytest.raises(CheckpointIncomplete) as caught:
        read_language(tmp_path / "none.gguf")
    assert "local.text_encoder_gguf" in caught.value.hint
    with pytest.raises(CheckpointIncomplete) as caught:
        read_vision(tmp_path / "none.gguf")
    assert "local.text_encoder_mmproj" in caught.value.hint
