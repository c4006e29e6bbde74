"""Parameters counted from the header of a file."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_checkpoint import TINY, write

from zoo import registry
from zoo.checkpoint.header import count_parameters


def test_tied_weights_count_once_and_buffers_do_not(tmp_path, monkeypatch):
    monkeypatch.setitem(registry._entries, TINY.name, TINY)
    folder, model = write(tmp_path / "tiny")
    counted = count_parameters(folder / "model.safetensors")
    assert counted == sum(p.numel() for p in model.parameters())


@settings(max_examples=200)
@given(
    st.binary()
    | st.sampled_from([b"[]", b"{}x", b'{"a": 1}', b'{"a": {}}', b'{"a": {"shape": ["x"]}}']).map(
        lambda header: len(header).to_bytes(8, "little") + header
    )
)
def test_a_malformed_file_is_refused_on_one_line(tmp_path_factory, content):
    path = tmp_path_factory.mktemp("fuzz") / "model.safetensors"
    path.write_bytes(content)
    with pytest.raises(ValueError, match="is no safetensors file") as error:
        count_parameters(path)
    assert "\n" not in str(error.value)
