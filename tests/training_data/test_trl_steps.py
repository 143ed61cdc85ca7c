"""TRL takes a step on rows of each format, and on served rewards, with a tiny random model."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any, cast

import pytest

from tests.benchmark.test_serve_rewards import MIRROR, serving
from tests.support.scripts import REPOSITORY, Run
from tests.support.training_results import RIGHT, WRONG, entry, mirror_task, write
from tests.training_data.test_conversations import (
    HANDED_IN,
    LOOK,
    LOOKED,
    WRITTEN,
    results,
    rows_of,
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not all(map(find_spec, ("torch", "trl"))), reason="PyTorch and TRL are not installed"
    ),
]
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
TOOLS_TEMPLATE = (
    "{% if tools %}<|tools|>{{ tools | tojson }}<|end|>{% endif %}"
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}"
    "{% for call in m.tool_calls or [] %}<call>{{ call.function | tojson }}</call>{% endfor %}"
    "<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
Settings = dict[str, Any]


def tokenizer(template: str = TEMPLATE) -> Any:
    """One token for each byte, and a chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<|end|>", "<|pad|>"]
    words = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    made = Tokenizer(models.BPE({word: number for number, word in enumerate(words)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token=special[0], pad_token=special[1], chat_template=template
    )


def model(words: Any, folder: Path) -> str:
    """A random model of two layers, in a folder, whence trainers load their reference too."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    made = Qwen2ForCausalLM(
        Qwen2Config(
            vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=2,
            num_attention_heads=2, num_key_value_heads=1, max_position_embeddings=8192,
            eos_token_id=words.eos_token_id, pad_token_id=words.pad_token_id,
        )
    )  # fmt: skip
    made.save_pretrained(folder)
    return str(folder)


def settings(folder: Path) -> Settings:
    return {
        "output_dir": str(folder), "max_steps": 1, "use_cpu": True, "report_to": "none",
        "save_strategy": "no", "bf16": False, "logging_steps": 1, "disable_tqdm": True,
    }  # fmt: skip


def documented_reward(url: str) -> Callable[..., list[float]]:
    """The reward function of the benchmarks' page, as it stands there, but for the address."""
    page = (REPOSITORY / "benchmark" / "readme.md").read_text()
    (block,) = (text for text in page.split("```") if "trl.GRPOTrainer(" in text)
    lines = block.removeprefix("python").replace("http://127.0.0.1:8900", url)
    found: dict[str, Any] = {}
    exec(lines.partition("trainer = ")[0], found)
    return cast("Callable[..., list[float]]", found["arc_reward"])


def test_grpo_gets_the_rewards_that_are_served(tmp_path: Path) -> None:
    import trl
    from datasets import Dataset

    words, seen = tokenizer(), []
    right = f"```python\n{MIRROR}```"
    with serving(tmp_path) as server:
        documented = documented_reward(server.url)

        def arc_reward(completions: list[Any], **columns: Any) -> list[float]:
            # A random model writes no program: every other completion is made a right one.
            texts = [right if number % 2 else one for number, one in enumerate(completions)]
            seen.append(documented(completions=texts, **columns))
            return list(seen[-1])

        trainer = trl.GRPOTrainer(
            model=model(words, tmp_path / "model"),
            reward_funcs=arc_reward,
            args=trl.GRPOConfig(
                **settings(tmp_path / "out") | {"max_steps": 2}, num_generations=4,
                per_device_train_batch_size=4, max_completion_length=8,
            ),
            train_dataset=Dataset.from_list(
                [{"prompt": [{"role": "user", "content": "Mirror."}], "task_id": "mirror"}] * 4
            ),
            processing_class=words,
        )  # fmt: skip
        trainer.train()
    assert seen == [[0, 1, 0, 1]] * 2
    logged = [row["reward"] for row in trainer.state.log_history if "reward" in row]
    assert logged == [0.5, 0.5]


@pytest.mark.parametrize(
    ("form", "kind"),
    [
        ("messages", "SFT"),
        ("prompt_completion", "SFT"),
        ("preference", "DPO"),
        ("kto", "KTO"),
    ],
)
def test_a_trainer_takes_a_step_on_exported_rows(
    run_script: Run, tmp_path: Path, form: str, kind: str
) -> None:
    import trl
    from datasets import Dataset

    source = write(
        tmp_path / "results.jsonl",
        *(entry(str(n), mirror_task(n), [RIGHT, WRONG], reasoning=["So.", "No."]) for n in (1, 2)),
    )
    rows = rows_of(run_script, source, form)
    words = tokenizer()
    config: Callable[..., Any] = getattr(trl, f"{kind}Config")
    trainer = getattr(trl, f"{kind}Trainer")(
        model=model(words, tmp_path / "model"),
        args=config(**settings(tmp_path / "out"), per_device_train_batch_size=2),
        train_dataset=Dataset.from_list(rows),
        processing_class=words,
    )
    assert trainer.train().training_loss > 0


def test_sft_takes_a_step_on_conversations_with_tools(run_script: Run, tmp_path: Path) -> None:
    import trl
    from datasets import Dataset

    source = results(tmp_path, [LOOKED, HANDED_IN], [LOOKED, WRITTEN])
    rows = rows_of(run_script, source, "tool_calls", "--deduplicate", "none")
    assert len(rows) == 2
    words = tokenizer(TOOLS_TEMPLATE)
    trainer = trl.SFTTrainer(
        model=model(words, tmp_path / "model"),
        args=trl.SFTConfig(
            **settings(tmp_path / "out"), per_device_train_batch_size=2, max_length=None
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=words,
    )
    seen = [words.decode(ids) for ids in trainer.train_dataset["input_ids"]]
    for text in seen:
        assert text.startswith("<|tools|>") and '"name": "submit"' in text
        assert "<call>" in text and LOOK["code"] in text, "the call with what it was given"
        assert "<|tool|>[[3, 2, 1]]" in text, "the result"
    assert trainer.train().training_loss > 0
