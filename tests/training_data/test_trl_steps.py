"""TRL takes a step on rows of each format, and on served rewards, with a tiny random model."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.benchmark.test_serve_rewards import MIRROR, serving
from tests.support.scripts import Run
from tests.support.training_results import RIGHT, WRONG, entry, mirror_task, write

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(
        not all(map(find_spec, ("torch", "trl"))), reason="PyTorch and TRL are not installed"
    ),
]
SCRIPT = "auxiliary_utilities/export_training_data.py"
TEMPLATE = (
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)
Settings = dict[str, Any]


def tokenizer() -> Any:
    """One token for each byte, and a chat template."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    special = ["<|end|>", "<|pad|>"]
    words = [*special, *sorted(pre_tokenizers.ByteLevel.alphabet())]
    made = Tokenizer(models.BPE({word: number for number, word in enumerate(words)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    return PreTrainedTokenizerFast(
        tokenizer_object=made, eos_token=special[0], pad_token=special[1], chat_template=TEMPLATE
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


def test_grpo_gets_the_rewards_that_are_served(tmp_path: Path) -> None:
    import trl
    from datasets import Dataset

    words, seen = tokenizer(), []
    right = f"```python\n{MIRROR}```"
    with serving(tmp_path) as server:

        def arc_reward(completions: list[Any], task_id: list[str], **_: Any) -> list[float]:
            # A random model writes no program: every other completion is made a right one.
            texts = [right if number % 2 else one for number, one in enumerate(completions)]
            pairs = zip(task_id, texts, strict=True)
            items = [{"task_id": name, "completion": text} for name, text in pairs]
            answered = server.ask("/batch_reward", {"items": items}).content
            seen.append([one["reward"] for one in answered["rewards"]])
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

    results = write(
        tmp_path / "results.jsonl",
        *(entry(str(n), mirror_task(n), [RIGHT, WRONG], reasoning=["So.", "No."]) for n in (1, 2)),
    )
    output = tmp_path / "rows.jsonl"
    done = run_script(SCRIPT, results, "--format", form, "--output", output)
    assert done.returncode == 0, done.stderr
    rows = [json.loads(line) for line in output.read_text().splitlines()]
    words = tokenizer()
    config: Callable[..., Any] = getattr(trl, f"{kind}Config")
    trainer = getattr(trl, f"{kind}Trainer")(
        model=model(words, tmp_path / "model"),
        args=config(**settings(tmp_path / "out"), per_device_train_batch_size=2),
        train_dataset=Dataset.from_list(rows),
        processing_class=words,
    )
    assert trainer.train().training_loss > 0
