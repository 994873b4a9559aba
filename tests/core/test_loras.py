import pytest

from qie_desktop.core.errors import InvalidRequest
from qie_desktop.core.loras import Lora, format_loras, parse_loras, split_strength
from qie_desktop.core.request import Request, build_request

LOCAL = "qwen-image-edit-2509-gguf"


@pytest.mark.parametrize(
    ("text", "loras"),
    [
        ("", ()),
        ("style", (Lora("style.safetensors"),)),
        ("style.safetensors:0.8; ink:-2", (Lora("style.safetensors", 0.8), Lora("ink.safetensors", -2.0))),
        (" a b :1e-1 ;; ", (Lora("a b.safetensors", 0.1),)),
        ("夜.SAFETENSORS:.5", (Lora("夜.SAFETENSORS", 0.5),)),
    ],
)
def test_what_is_written_is_read(text, loras):
    assert parse_loras(text) == loras
    assert parse_loras(format_loras(loras)) == loras


@pytest.mark.parametrize(
    "text",
    ["/tmp/style", "..", "../a", "a\\b", ".hidden", ":1", "a:b:1", "a:nan", "a:inf", "a; a:2", "a\nb", "~/x"],
)
def test_what_is_no_plain_name_is_refused(text):
    with pytest.raises(ValueError, match="."):
        parse_loras(text)


def test_a_strength_is_a_number_after_the_last_colon():
    assert split_strength("/a:b/c.safetensors") == ("/a:b/c.safetensors", None)
    assert split_strength("c:0.5") == ("c", 0.5)


def test_a_request_holds_them_in_one_form_and_its_json_brings_them_back(tmp_path):
    request = build_request(LOCAL, "warmer", [tmp_path / "a.png"], {"loras": "ink:.80 ;style"})

    assert request.value("loras") == "ink.safetensors:0.8; style.safetensors:1"
    assert Request.from_json(request.to_json()).value("loras") == request.value("loras")
    assert "loras" not in build_request(LOCAL, "warmer", [tmp_path / "a.png"]).parameters()


def test_a_strength_out_of_range_is_named(tmp_path):
    with pytest.raises(InvalidRequest, match="between -4 and 4") as caught:
        build_request(LOCAL, "warmer", [tmp_path / "a.png"], {"loras": "ink:5"})
    assert caught.value.field == "loras"
