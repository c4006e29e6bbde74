"""What `zoo test MODEL` measures where the model's data are not."""

import pytest

from zoo import cli, registry
from zoo.data.poems import load_poems
from zoo.training.recipes import embedded_data

BUNDLED = [n for n in registry.list_models() if registry.describe(n).checkpoint.is_dir()]


@pytest.mark.parametrize("name", BUNDLED)
def test_without_the_data_the_sample_is_measured_or_the_error_says_where_they_are(
    name, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    entry = registry.describe(name)
    recipe, data = entry.checkpoint / "recipe.yaml", entry.data[0]
    if data.source and not data.embedded:
        with pytest.raises(FileNotFoundError) as error:
            embedded_data(name, recipe, [])
        assert data.source in str(error.value)
    else:
        options = embedded_data(name, recipe, [])
        assert options == data.embedded.split()
        assert ("the embedded sample" in capsys.readouterr().out) == bool(options)
    for said in (["--data.root", "x"], ["--data.file=x"], ["--config", "x"], ["-cx"]):
        assert embedded_data(name, recipe, said) == []
    assert embedded_data(str(entry.checkpoint), recipe, []) == []


def test_a_bundled_model_is_measured_out_of_the_box(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    cli.run(["test", "adversarial_fgm_poems", "--trainer.limit_test_batches", "1"])
    said = capsys.readouterr().out
    assert "no poems_full.tsv.gz (218,802 poems" in said
    assert "test_accuracy" in said
    assert len(load_poems(split="test")) > 32
