"""The report as a reader meets it: in a real browser."""

from __future__ import annotations

import colorsys
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.support.browser import PHONE, Browser, Keys, needs_axe, needs_chromium, started_browser
from tests.support.entries import write_entries
from tests.support.report_results import (
    CODE,
    HOSTILE,
    NEARLY,
    OF_PARTS,
    OTHER_SHAPE,
    RIGHT,
    TEST,
    TRAIN,
    Entry,
    entry,
    journal_line,
    metadata,
    turns,
)
from utilities.report.contents import ReportContents
from utilities.report.page import figures_of, page_of

pytestmark = needs_chromium


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with started_browser() as browser:
        yield browser


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """The browser, which must have had nothing to complain of when the test is over."""
    chromium.complaints()
    yield chromium
    assert chromium.complaints() == []


def build(
    path: Path,
    *files: list[Entry],
    longest_text: int = 20_000,
    journals: Sequence[Entry] = (),
) -> Path:
    """The page of these results files; the first one may have a journal beside it."""
    contents = ReportContents(longest_text=longest_text, most_bytes=10**8, most_reply_bytes=10**8)
    if journals:
        write_entries(path.with_name("r0_partial_results.jsonl"), *journals)
    contents.read([
        write_entries(path.with_name(f"r{place}_results.jsonl"), *entries)
        for place, entries in enumerate(files)
    ])  # fmt: skip
    path.write_bytes(b"".join(page_of(contents, built_at="now")))
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five tasks of one run; the third has the most expensive samples."""
    return build(
        tmp_path_factory.mktemp("one") / "page.html",
        [
            entry("aaa", NEARLY, RIGHT),
            entry("bbb", NEARLY, OTHER_SHAPE),
            entry("ccc", RIGHT, RIGHT, cost_usd=[3.0, 4.0]),
            entry(
                "ddd",
                None,
                complete=False,
                status=["rate_limited"],
                execution_status=[None],
                train_passed=[None],
                test_passed=[None],
            ),
            entry("e/e e", RIGHT),
            metadata(),
        ],
    )


@pytest.fixture(scope="module")
def compared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two runs: both solve t0, the first alone t1 and t2, the second t3, neither t4."""
    solved = {"a": (1, 1, 1, 0, 0), "b": (1, 0, 0, 1, 0)}
    files = [
        [entry(f"t{n}", RIGHT if one else NEARLY, run=run, cost_usd=[0.5 if run == "a" else 0.1])
         for n, one in enumerate(flags)] + [metadata(run)]
        for run, flags in solved.items()
    ]  # fmt: skip
    return build(tmp_path_factory.mktemp("two") / "page.html", *files)


def listed(browser: Browser) -> list[str]:
    return browser.texts("#table tbody .id")


def test_the_head_shows_score_interval_cost_and_time(browser: Browser, page: Path) -> None:
    browser.open(page)
    shown = browser.one(".run").text
    assert "60.0 %" in shown
    assert "3 of 5" in shown
    assert re.search(r"95 % interval \d+\.\d % – \d+\.\d %", shown)
    assert "$8.5000" in shown
    assert "1 min 30 s" in shown
    assert "rate_limited 1" in shown


def facts(browser: Browser) -> dict[str, str]:
    """The first card's facts by their names."""
    names, texts = browser.texts(".first dt"), browser.texts(".first dd")
    return dict(zip(names, texts, strict=True))


def many_runs(folder: Path, solved: dict[str, int], tasks: int) -> Path:
    """Runs of one-sample tasks; each solves the first so many of them."""
    files = [
        [entry(f"t{n:02}", RIGHT if n < count else NEARLY, run=run, task_data=numbered(n))
         for n in range(tasks)] + [metadata(run)]
        for run, count in solved.items()
    ]  # fmt: skip
    return build(folder / "page.html", *files)


def numbered(number: int) -> Entry:
    return {"train": [{"input": [[number % 10, number // 10]], "output": [[1]]}], "test": TEST}


def test_the_first_card_says_who_leads_by_how_much_and_that_it_is_real(
    browser: Browser, tmp_path: Path
) -> None:
    browser.open(many_runs(tmp_path, {"a": 1, "b": 9}, 10))
    assert browser.one(".first h2").text.startswith("B leads with 90.0 %: model-b")
    told = facts(browser)
    assert told["ahead by"].startswith("80.0 points over run A (model-a · r0) (95 % interval +")
    assert told["is it real?"].startswith("yes: chance alone would hardly give it, p = 0.0078")
    assert told["cost a task"] == "B $0.2500, A $0.2500"
    assert told["on"] == "10 tasks that all 2 runs answered"
    assert told["best of"] == "1 program a task"


def test_a_lead_that_may_be_chance_is_not_called_real(browser: Browser, tmp_path: Path) -> None:
    browser.open(many_runs(tmp_path, {"a": 4, "b": 5, "c": 4}, 10))
    told = facts(browser)
    assert told["ahead by"].startswith("10.0 points over run A")
    assert told["is it real?"].startswith("it may be chance: p = 1 by Holm's correction for 3")
    assert "fewer than 6 tasks (60.00 points)" in told["is it real?"]


def test_runs_with_one_score_lead_together(browser: Browser, tmp_path: Path) -> None:
    browser.open(many_runs(tmp_path, {"a": 4, "b": 5, "c": 5}, 10))
    assert browser.one(".first h2").text == "B, C lead together, with 50.0 %"
    assert facts(browser)["ahead by"] == "nothing"
    browser.open(many_runs(tmp_path, {"a": 4, "b": 4}, 10))
    assert browser.one(".first h2").text == "2 runs, and all have 40.0 %"


def test_of_more_than_two_runs_the_leader_and_the_next_stand_side_by_side(
    browser: Browser, tmp_path: Path
) -> None:
    built = many_runs(tmp_path, {"a": 1, "b": 5, "c": 9}, 10)
    browser.open(built)
    assert "solved by C alone" in browser.one(".matrix").text
    assert browser.run("return location.hash") == ""
    browser.open(built, "#?first=0&second=1")
    assert "solved by A alone" in browser.one(".matrix").text


def test_runs_of_one_name_are_told_apart_by_their_folders(tmp_path: Path) -> None:
    contents = ReportContents(longest_text=100, most_bytes=10**6)
    for name in "ab":
        (tmp_path / name).mkdir()
        write_entries(tmp_path / name / "r_results.jsonl", entry("t", RIGHT, run=name, model="m"))
    contents.read([tmp_path / name / "r_results.jsonl" for name in "ab"])
    assert [run.name for run in figures_of(contents)] == ["m · r · a", "m · r · b"]


def test_a_run_without_an_entry_says_that_nothing_was_answered(
    browser: Browser, tmp_path: Path
) -> None:
    told = metadata(status="failed", missing_tasks={"t": 1, "u": 1})
    browser.open(build(tmp_path / "page.html", [told]))
    assert facts(browser)["not answered"].startswith("2 have no entry")
    assert browser.one("#more").text == "No task has an entry yet."


def test_the_first_card_of_one_run_says_how_sure_its_score_is(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert browser.one(".first h2").text.startswith("60.0 %: model-a")
    assert facts(browser)["cost a task"] == "$1.7000"
    assert "95 % interval" in facts(browser)["how sure?"]


def test_runs_without_a_common_task_have_no_leader(browser: Browser, tmp_path: Path) -> None:
    browser.open(build(tmp_path / "page.html", [entry("t", RIGHT)], [
        entry("u", RIGHT, run="b", task_data=numbered(1))
    ]))  # fmt: skip
    assert browser.one(".first h2").text == "2 runs, and no task that all of them answered"


@pytest.fixture(scope="module")
def crowd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """25 runs; the n-th solves n tasks of 24."""
    letters = [f"{n:x}" if n < 16 else f"{n:02x}" for n in range(25)]
    solved = {letter: number for number, letter in enumerate(letters)}
    return many_runs(tmp_path_factory.mktemp("crowd"), solved, 24)


def test_25_runs_stand_in_one_table_best_first_and_their_cards_behind_it(
    browser: Browser, crowd: Path
) -> None:
    browser.open(crowd)
    rows = browser.texts(".standings tbody th")
    assert (len(rows), rows[0].split()[0], rows[-1].split()[0]) == (25, "Y", "A")
    assert not browser.one(".run").is_displayed()
    browser.one(".every-run summary").click()
    assert browser.one(".run").is_displayed()


@pytest.mark.parametrize("address", ["", "#t01", "#t01/Y1"])
def test_25_runs_are_not_wider_than_a_phone(browser: Browser, crowd: Path, address: str) -> None:
    browser.open(crowd, address, size=PHONE)
    assert browser.run("return document.documentElement.scrollWidth") <= PHONE[0]


@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_core_finds_no_violation_with_25_runs(
    browser: Browser, crowd: Path, scheme: str
) -> None:
    browser.open(crowd, scheme=scheme)
    assert browser.violations() == []


def test_a_search_in_reasoning_and_code_finds_tasks_and_has_an_address(
    browser: Browser, tmp_path: Path
) -> None:
    built = build(tmp_path / "page.html", [
        entry("aaa", RIGHT, reasoning=["Reflect the DIAGONAL."]),
        entry("bbb", RIGHT, python_code=["def solve_task(grid): return flood(grid)"]),
    ])  # fmt: skip
    browser.open(built)
    browser.one("#query").send_keys("diagonal")
    assert listed(browser) == []
    browser.choose("#within", "in ids, reasoning, code")
    assert listed(browser) == ["aaa"]
    assert browser.run("return location.hash") == "#?query=diagonal&within=text"
    browser.open(built, "#?query=flood&within=text")
    assert listed(browser) == ["bbb"]
    browser.one("#reset").click()
    assert listed(browser) == ["aaa", "bbb"]


def test_every_task_is_a_row_with_its_result(browser: Browser, page: Path) -> None:
    browser.open(page)
    assert listed(browser) == ["aaa", "bbb", "ccc", "ddd", "e/e e"]
    assert browser.texts("#table .verdict") == [
        "✓ solved", "✗ not solved", "✓ solved", "! failed", "✓ solved",
    ]  # fmt: skip


def test_typing_filters_by_task_id(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press("/", "B", "b")
    assert listed(browser) == ["bbb"]
    assert browser.one("#count").text == "1 of 5 tasks"


@pytest.mark.parametrize(
    ("selector", "option", "expected"),
    [
        ("#result", "not solved", ["bbb"]),
        ("#result", "failed technically", ["ddd"]),
        ("#status", "rate_limited", ["ddd"]),
        ("#result", "solved in part", []),
    ],
)
def test_filters_leave_what_they_say(
    browser: Browser, page: Path, selector: str, option: str, expected: list[str]
) -> None:
    browser.open(page)
    browser.choose(selector, option)
    assert listed(browser) == expected
    browser.one("#reset").click()
    assert len(listed(browser)) == 5


def test_a_click_on_a_heading_sorts_and_a_second_one_turns_the_order(
    browser: Browser, page: Path
) -> None:
    browser.open(page)
    browser.one('[data-column="cost"]').click()
    assert listed(browser)[0] == "ccc"
    assert browser.one("th.cost").get_attribute("aria-sort") == "descending"
    browser.one('[data-column="cost"]').click()
    assert listed(browser)[-1] == "ccc"


def test_a_click_opens_a_task_and_the_way_back_keeps_the_filter(
    browser: Browser, page: Path
) -> None:
    browser.open(page)
    browser.choose("#result", "not solved")
    browser.one("#table tbody tr").click()
    browser.wait("#task h1")
    assert browser.one("#task h1").text == "bbb"
    browser.one("#back").click()
    browser.wait("#table")
    assert listed(browser) == ["bbb"]


def test_the_keyboard_alone_reads_the_whole_report(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press("j", Keys.ARROW_DOWN, Keys.ENTER)
    browser.wait("#task h1")
    assert browser.one("#task h1").text == "bbb"
    browser.press(Keys.ARROW_RIGHT)
    browser.wait_for_text("#task h1", "ccc")
    browser.press("k")
    browser.wait_for_text("#task h1", "bbb")
    browser.press(Keys.ESCAPE)
    browser.wait("#table")
    assert browser.run("return document.activeElement.dataset.task") == "1"


def test_the_keys_are_told_by_a_question_mark(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press("?")
    assert "filter by task id" in browser.one("dialog[open]").text


@pytest.mark.parametrize(("address", "task"), [("#ccc", "ccc"), ("#e%2Fe%20e", "e/e e")])
def test_an_address_leads_to_its_task(
    browser: Browser, page: Path, address: str, task: str
) -> None:
    browser.open(page, address)
    assert browser.one("#task h1").text == task
    assert not browser.one("#overview").is_displayed()


def test_an_address_of_no_task_shows_the_table(browser: Browser, page: Path) -> None:
    browser.open(page, "#%E0%A4%A")
    assert len(listed(browser)) == 5


ODD_IDS = ("e/e e", "?result=solved", "a#b", "100%25", "t/1", "../up", "é漢", "<b>", "a&b+c", "A")


def test_samples_about_one_test_input_each_say_which_and_are_judged_by_it(
    browser: Browser, tmp_path: Path
) -> None:
    browser.open(build(tmp_path / "page.html", [OF_PARTS]), "#t/3")
    browser.wait(".sample.linked[open]")
    assert browser.texts(".sample .marks") == ["test 1 ✓", "test 1 ✗", "test 2 ✓", "test 2"]
    assert browser.texts(".sample.linked figcaption") == ["test 2 · ✓ right"]


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tasks whose ids mean something in addresses, "t" and "a" besides."""
    names = [*ODD_IDS, "t", "a"]
    tasks = [entry(one, RIGHT, NEARLY, task_data=numbered(n)) for n, one in enumerate(names)]
    return build(tmp_path_factory.mktemp("odd") / "page.html", tasks)


def test_tasks_and_samples_of_any_id_have_addresses_that_lead_back(
    browser: Browser, odd: Path
) -> None:
    browser.open(odd)
    rows = browser.run("return [...document.querySelectorAll('.id a')].map((one) => one.hash)")
    names = listed(browser)
    assert set(ODD_IDS) < set(names)
    for name, address in zip(names, rows, strict=True):
        browser.run("location.hash = arguments[0]", address)
        browser.wait_for_text("#task h1", name)
        sample = browser.one(".sample > div > a").get_property("hash")
        browser.run("location.hash = arguments[0]", sample)
        browser.wait(".sample.linked[open]")
        assert browser.texts("#task h1") == [name]
    browser.open(odd, rows[0])
    assert browser.texts("#task h1") == names[:1]


@pytest.mark.parametrize(
    ("address", "heading"), [("#t/99", "t"), ("#t/", "t"), ("#t/Z1", "t"), ("#nosuch/1", None)]
)
def test_an_address_of_no_sample_shows_its_task_and_of_no_task_the_table(
    browser: Browser, odd: Path, address: str, heading: str | None
) -> None:
    browser.open(odd, address)
    assert (browser.texts("#task h1") or [None]) == [heading]
    assert browser.all(".sample.linked") == []


@pytest.mark.parametrize("address", ["#t0/Z1", "#t0/B99"])
def test_an_address_of_no_run_or_sample_shows_runs_of_the_task(
    browser: Browser, compared: Path, address: str
) -> None:
    browser.open(compared, address)
    assert browser.one("#task h1").text == "t0"
    assert browser.texts(".column .verdict") != []


def test_the_back_button_goes_the_way_back_through_tasks_and_filters(
    browser: Browser, page: Path
) -> None:
    browser.open(page)
    browser.choose("#result", "solved")
    browser.one("#table tbody tr").click()
    browser.wait_for_text("#task h1", "aaa")
    browser.press(Keys.ARROW_RIGHT)
    browser.wait_for_text("#task h1", "ccc")
    browser.driver.back()
    browser.wait_for_text("#task h1", "aaa")
    browser.driver.back()
    browser.wait("#table")
    assert listed(browser) == ["aaa", "ccc", "e/e e"]
    browser.driver.forward()
    browser.wait_for_text("#task h1", "aaa")


@pytest.mark.parametrize(
    ("first", "second", "left"),
    [
        ("#?run=1&result=unsolved", "#?run=1&result=unsolved", ["t1", "t2", "t4"]),
        ("#?pairing=second", "#?pairing=second", ["t3"]),
        ("#?pairing=first&first=1&second=0", "#?pairing=first&first=1&second=0", ["t3"]),
        ("#?status=s%3Aok&query=T3", "#?query=t3&status=s%3Aok", ["t3"]),
    ],
)
def test_a_shared_link_of_filters_shows_what_was_shared(
    browser: Browser, compared: Path, first: str, second: str, left: list[str]
) -> None:
    browser.open(compared, first)
    assert listed(browser) == left
    assert browser.run("return location.hash") == second


def test_each_rows_link_is_the_tasks_address(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.run(
        "location.hash = arguments[0]", browser.one("tr:last-child .id a").get_property("hash")
    )
    browser.wait("#task h1")
    assert browser.one("#task h1").text == "e/e e"


def test_attempts_are_compared_cell_by_cell(browser: Browser, page: Path) -> None:
    browser.open(page, "#bbb")
    first, second = browser.texts(".attempts figcaption")
    assert first == "attempt 1 · ✗ 1 of 3 cells wrong"
    assert second == "attempt 2 · ✗ 2 × 1, expected 1 × 3"


def pixel(browser: Browser, canvas: str, row: int, column: int, across: float) -> list[int]:
    """The colour in a cell of a grid, `across` of the way from its left to its right."""
    script = """
      const canvas = document.querySelector(arguments[0]), rows = canvas.dataset.grid.split("/");
      const width = canvas.width / rows[0].length, height = canvas.height / rows.length;
      const place = [(arguments[2] + arguments[3]) * width, (arguments[1] + 0.5) * height];
      const copy = document.createElement("canvas");
      [copy.width, copy.height] = [canvas.width, canvas.height];
      const pen = copy.getContext("2d", { willReadFrequently: true });
      pen.drawImage(canvas, 0, 0);
      return [...pen.getImageData(...place.map(Math.floor), 1, 1).data];"""
    found: list[int] = browser.run(script, canvas, row, column, across)
    return found[:3]


def test_cells_have_the_arc_colours_and_wrong_ones_a_cross(browser: Browser, page: Path) -> None:
    browser.open(page, "#bbb")
    attempt = ".attempts canvas"
    assert pixel(browser, attempt, 0, 0, 0.5) == [0xFF, 0x85, 0x1B], "7 is orange, unmarked"
    assert pixel(browser, attempt, 0, 1, 0.5) == [255, 255, 255], "the cross in the wrong cell"
    assert pixel(browser, attempt, 0, 1, 0.12) == [0, 0, 0], "0 is black beside the cross"


def test_a_sample_shows_its_program_in_colours_and_its_reasoning(
    browser: Browser, page: Path
) -> None:
    browser.open(page, "#ccc")
    sample = ".sample[open] "
    assert browser.one(f"{sample}pre.program").get_property("textContent") == CODE
    assert browser.texts(f"{sample}pre.program .k")[:2] == ["def", "return"]
    assert browser.texts(f"{sample}pre.program .c") == ["# turn it round"]
    assert browser.texts(f"{sample}pre.prose") == ["It is turned round."]
    assert "100 → 20 tokens · $3.0000 · 1.5 s" in browser.one(f"{sample}summary").text


def test_a_refinement_names_what_it_refines_and_a_sample_its_confidence(
    browser: Browser, tmp_path: Path
) -> None:
    refined = entry(
        "t", NEARLY, NEARLY, RIGHT, refinement_round=[0, 0, 1], parent_samples=[[], [], [1, 0]],
        confidence=[0.171, None, 0.97],
    )  # fmt: skip
    browser.open(build(tmp_path / "page.html", [refined]), "#t")
    first, second, third = browser.texts(".sample summary")
    assert "confidence 0.17" in first
    assert "confidence" not in second
    assert "refinement" not in first + second
    assert "refinement 1 of samples 2, 1 · confidence 0.97" in third


def judging(*points: int) -> Entry:
    """What a judge of one call made of an answer a sample."""
    call = {"status": "ok", "first": 0, "second": 1, "cost_usd": 0.25, "usage": {"input_tokens": 9}}
    answers = [[place] for place in range(len(points))]
    return {"model_identifier": "wise", "answers": answers, "points": points, "calls": [call]}


def test_a_sample_shows_its_judges_points_and_the_run_what_the_judge_changed(
    browser: Browser, tmp_path: Path
) -> None:
    told = judging(0, 2) | {"voted_attempts": [[NEARLY, RIGHT]]}
    judged = entry("t", NEARLY, RIGHT, attempts=[[RIGHT, NEARLY]], judge=told)
    browser.open(build(tmp_path / "page.html", [judged]), "#t")
    first, second = browser.texts(".sample summary")
    assert ("judge: 0 points" in first, "judge: 2 points" in second) == (True, True)
    assert "judge wise: 1 call, $0.2500, attempts changed" in browser.one(".column").text


def test_a_combined_run_says_which_run_each_sample_and_attempt_is_of(
    browser: Browser, tmp_path: Path
) -> None:
    combined = entry("t", NEARLY, RIGHT, combined_from=["A", "B"], attempt_runs=[[["B", "A"], []]])
    about = metadata(configuration={"combined": ["model x", "model y"]})
    browser.open(build(tmp_path / "page.html", [combined, about]))
    browser.one(".made summary").click()
    assert {"combined: run A", "combined: run B"} < set(browser.texts(".made dt"))
    browser.run("location.hash = '#t'")
    browser.wait(".sample summary")
    assert ["of run A" in one for one in browser.texts(".sample summary")] == [True, False]
    assert browser.texts(".attempts figcaption")[0].startswith("attempt 1 of B, A · ")


def test_a_sample_names_the_view_that_it_saw(browser: Browser, tmp_path: Path) -> None:
    turned = {"symmetry": "mirrored", "colours": [*range(10)], "train_order": [0, 1]}
    viewed = entry("t", NEARLY, RIGHT, view=[None, turned])
    browser.open(build(tmp_path / "page.html", [viewed]), "#t")
    first, second = browser.texts(".sample summary")
    assert "view" not in first
    assert "view: mirrored" in second


def test_a_lineage_leads_from_each_sample_to_the_ones_that_it_was_shown(
    browser: Browser, tmp_path: Path
) -> None:
    evolved = entry(
        "t",
        *(NEARLY, NEARLY, RIGHT),
        strategy="evolve",
        refinement_round=[0, 0, 1],
        parent_samples=[[], [], [0, 1]],
        train_passed=[[True, False], [False, False], [True, True]],
        score=[0.5, 0.0, 1.0],
    )
    browser.open(build(tmp_path / "page.html", [evolved]), "#t")
    browser.one(".lineage > summary").click()
    rounds = [one.text for one in browser.all(".lineage li")]
    assert rounds == ["1 50 % 2 0 %", "3 100 % of 1, 2"]
    browser.all(".lineage button")[1].click()
    browser.wait(".sample[data-sample='1'][open] pre")


def test_runs_without_a_task_in_common_say_so(browser: Browser, tmp_path: Path) -> None:
    other = {"train": TRAIN, "test": [{"input": [[5]], "output": RIGHT}]}
    page = build(
        tmp_path / "page.html", [entry("t", RIGHT)], [entry("u", RIGHT, run="b", task_data=other)]
    )
    browser.open(page)
    assert "no scored task in common" in browser.one("#matrix").text


def test_a_sample_is_drawn_when_it_is_opened(browser: Browser, page: Path) -> None:
    browser.open(page, "#ccc")
    closed = '.sample[data-sample="1"]'
    assert browser.all(f"{closed} pre") == []
    browser.one(f"{closed} summary").click()
    browser.wait(f"{closed} pre.program")


def test_two_runs_are_counted_against_each_other(browser: Browser, compared: Path) -> None:
    browser.open(compared)
    counts = {
        found.get_attribute("data-pairing"): int(found.text.split()[0])
        for found in browser.all(".matrix button")
    }
    assert counts == {"both": 1, "first": 2, "second": 1, "neither": 1}
    assert [point.text for point in browser.all("#plot .point-name")] == ["A", "B"]


def test_the_chart_shows_the_tasks_that_all_runs_answered(browser: Browser, tmp_path: Path) -> None:
    first = [entry(f"t{n}", RIGHT if n else NEARLY) for n in range(5)]
    second = [entry(f"t{n}", NEARLY, run="b", cost_usd=[2.0]) for n in range(2)]
    browser.open(build(tmp_path / "page.html", first, second))
    shown = browser.one("#plot svg").get_attribute("aria-label")
    assert "model-a · r0: 50.0 % at $0.2500" in shown
    assert "model-b · r1: 0.0 % at $2.0000" in shown
    assert "On the 2 tasks that all of them answered." in browser.one("#plot").text


def test_a_click_on_a_count_leaves_those_tasks(browser: Browser, compared: Path) -> None:
    browser.open(compared)
    browser.one('[data-pairing="first"]').click()
    assert listed(browser) == ["t1", "t2"]
    browser.one("#pairing").click()
    assert len(listed(browser)) == 5


def test_a_task_shows_two_runs_side_by_side(browser: Browser, compared: Path) -> None:
    browser.open(compared, "#t1")
    left, right = browser.all(".column")
    assert "✓ solved" in left.text
    assert "✗ not solved" in right.text
    assert left.rect["y"] == right.rect["y"]
    left.find_element("css selector", ".column-head button").click()
    assert len(browser.all(".column")) == 1


def lightness(browser: Browser, selector: str) -> float:
    style = browser.one(selector).value_of_css_property("background-color")
    red, green, blue = (int(part) / 255 for part in re.findall(r"\d+", style)[:3])
    return colorsys.rgb_to_hls(red, green, blue)[1]


def test_the_page_follows_the_systems_scheme_until_it_is_switched(
    browser: Browser, page: Path
) -> None:
    browser.open(page, scheme="dark")
    assert lightness(browser, "body") < 0.2
    browser.press("t")
    assert lightness(browser, "body") > 0.8
    browser.open(page, scheme="light")
    assert lightness(browser, "body") > 0.8
    browser.one("#theme").click()
    assert lightness(browser, "body") < 0.2


@pytest.mark.parametrize("address", ["", "#t1"])
def test_nothing_is_wider_than_a_phone(browser: Browser, compared: Path, address: str) -> None:
    browser.open(compared, address, size=PHONE)
    assert browser.run("return document.documentElement.scrollWidth") <= PHONE[0]


def test_hostile_texts_stay_texts(browser: Browser, tmp_path: Path) -> None:
    hostile = entry(
        HOSTILE, RIGHT, model=HOSTILE, reasoning=[HOSTILE], python_code=[HOSTILE],
        status=[HOSTILE], error=[HOSTILE], execution_status=[HOSTILE], execution_message=[HOSTILE],
    )  # fmt: skip
    built = build(
        tmp_path / "page.html", [hostile, metadata(dataset=HOSTILE)], [entry("t", RIGHT, run="b")]
    )
    browser.open(built)
    assert listed(browser)[0].startswith("<script>document.title")
    browser.run("location.hash = document.querySelector('.id a').hash")
    browser.wait(".sample[open] pre")
    reasoning = browser.all(".sample[open] pre.prose")[-1].get_property("textContent")
    assert reasoning.startswith("<script>document.title = 'owned'</script></script><!-- <img")
    assert "⟨U+202E⟩gnp.exe⟨U+202C⟩" in reasoning
    assert "⟨U+001B⟩[31mred" in reasoning
    assert "שלום" in reasoning
    assert browser.driver.title.startswith("ARC report")
    assert browser.all("main img, main script, dialog script") == []


def test_scripts_and_images_of_others_would_be_refused(chromium: Browser, page: Path) -> None:
    chromium.open(page)
    chromium.complaints()
    chromium.run(
        "const added = document.createElement('div');"
        "added.innerHTML = '<img src=x onerror=\"window.owned = 1\">';"
        "document.body.append(added);"
        "const script = document.createElement('script'); script.textContent = 'window.owned = 2';"
        "document.body.append(script);"
    )
    assert chromium.run("return window.owned") is None
    assert any("Content Security Policy" in line for line in chromium.complaints())


def test_ten_megabytes_of_reasoning_come_in_portions(browser: Browser, tmp_path: Path) -> None:
    long = "word " * 2_000_000
    built = build(tmp_path / "page.html", [entry("t", RIGHT, reasoning=[long])], longest_text=10**8)
    browser.open(built, "#t")
    prose = browser.one(".sample[open] pre.prose")
    assert len(prose.get_property("textContent")) == 50_000
    browser.one(".sample[open] pre.prose + button").click()
    assert len(prose.get_property("textContent")) == 100_000


def test_rows_come_as_the_reader_gets_to_them(browser: Browser, tmp_path: Path) -> None:
    built = build(tmp_path / "page.html", [entry(f"t{n:03}", RIGHT) for n in range(300)])
    browser.open(built)
    assert len(browser.all("#table tbody tr")) < 150
    browser.run("window.scrollTo(0, document.body.scrollHeight)")
    browser.wait('tr[data-task="119"]')
    browser.one("#query").send_keys("t299")
    assert listed(browser) == ["t299"]


def test_samples_without_room_are_said_to_be_missing(browser: Browser, tmp_path: Path) -> None:
    contents = ReportContents(longest_text=1000, most_bytes=10)
    contents.read([write_entries(tmp_path / "r.jsonl", entry("t", RIGHT))])
    built = tmp_path / "page.html"
    built.write_bytes(b"".join(page_of(contents, built_at="now")))
    browser.open(built, "#t")
    assert "Its samples are not in this page" in browser.one(".column").text
    assert len(browser.all(".pair canvas")) == 4


def test_an_address_whose_task_comes_late_in_a_large_page_is_shown_in_full(
    browser: Browser, tmp_path: Path
) -> None:
    many = [entry(f"t{n:03}", RIGHT, reasoning=["word " * 2000]) for n in range(400)]
    browser.open(build(tmp_path / "page.html", many), "#t399")
    browser.wait(".sample[open] pre.program")
    assert len(browser.all(".pair canvas")) == 4


def test_enter_in_the_search_box_opens_the_first_task_found(browser: Browser, page: Path) -> None:
    browser.open(page)
    browser.press("/", "c", Keys.ENTER)
    browser.wait("#task h1")
    assert browser.one("#task h1").text == "ccc"


def test_filters_stand_in_the_address_and_an_address_brings_them_back(
    browser: Browser, page: Path
) -> None:
    browser.open(page)
    browser.choose("#result", "not solved")
    address = browser.run("return location.hash")
    assert address == "#?result=unsolved"
    browser.open(page, address)
    assert listed(browser) == ["bbb"]
    browser.one("#reset").click()
    assert browser.run("return location.hash") == ""


@pytest.mark.parametrize("odd", ["#?result=none&run=77&pairing=x", "#?query=%ZZ", "#?"])
def test_an_odd_filter_in_the_address_filters_nothing_it_does_not_know(
    browser: Browser, page: Path, odd: str
) -> None:
    browser.open(page, odd)
    assert len(listed(browser)) == (0 if "query" in odd else 5)


def test_a_sample_has_an_address_that_opens_it(browser: Browser, compared: Path) -> None:
    browser.open(compared, "#t1")
    address = browser.one(".column[data-run='1'] .sample > div > a").get_property("hash")
    assert address == "#t1/B1"
    browser.open(compared, address)
    assert browser.one(".sample.linked[open] summary b").text == "sample 1"
    assert len(browser.all(".column")) == 1


def test_a_click_shows_the_turns_of_a_conversation_with_their_costs(
    browser: Browser, tmp_path: Path
) -> None:
    told = entry("t", RIGHT, turns=[turns(HOSTILE)])
    browser.open(build(tmp_path / "page.html", [told, metadata()]), "#t/1")
    assert "2 turns" in browser.one(".sample summary").text
    browser.one(".turns > summary").click()
    browser.wait(".turn pre")
    assert "raw reply" not in browser.one(".sample").text, "each turn has its own"
    first, second = [one.get_property("textContent") for one in browser.all(".turn")]
    for shown in ("Turn 1", "1,200 → 34 tokens", "$0.0125", "Hm. <script>", "I look. <script>"):
        assert shown in first
    assert "print(train)" in first and "Result (timed_out)" in first and "[1, 2] <script>" in first
    assert "It turns." in second
    assert browser.driver.title != "owned"


def test_a_long_line_of_a_result_does_not_widen_the_page(browser: Browser, tmp_path: Path) -> None:
    told = entry("t", RIGHT, turns=[turns("[0, 7, 7] " * 200)])
    browser.open(build(tmp_path / "page.html", [told, metadata()]), "#t/1")
    browser.one(".turns > summary").click()
    browser.wait(".turn pre")
    widths = "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    scrolled, seen = browser.driver.execute_script(widths)
    assert scrolled <= seen


def test_a_sample_shows_what_the_model_was_shown_once_for_all_samples(
    browser: Browser, tmp_path: Path
) -> None:
    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": HOSTILE}]
    shown = entry("t", RIGHT, NEARLY, prompt_messages=[messages, messages])
    built = build(tmp_path / "page.html", [shown])
    assert built.read_text().count("Be brief.") == 1
    browser.open(built, "#t/2")
    browser.one(".sample.linked .prompt summary").click()
    browser.wait(".sample.linked .prompt pre")
    prompt = browser.one(".sample.linked .prompt pre").get_property("textContent")
    assert prompt.startswith("[system]\nBe brief.\n\n[user]\n<script>")


def test_a_click_shows_the_raw_reply_and_the_thinking_as_text(
    browser: Browser, tmp_path: Path
) -> None:
    told = entry("t", RIGHT, RIGHT, latency_s=[1.5, 2.5])
    built = build(tmp_path / "r0_results.html", [told], journals=[
        journal_line("t", 0, 1.5, "first"), journal_line("t", 1, 2.5, HOSTILE, reasoning="Hm."),
    ])  # fmt: skip
    browser.open(built, "#t/2")
    browser.one(".sample.linked .reply summary").click()
    browser.wait(".sample.linked .reply pre")
    assert browser.texts(".sample.linked .reply h3") == ["Thinking", "Raw reply"]
    thinking, text = browser.all(".sample.linked .reply pre")
    assert thinking.text == "Hm."
    assert text.get_property("textContent").startswith("<script>document.title = 'owned'</script>")


def test_a_raw_reply_that_is_not_in_the_page_says_why(browser: Browser, tmp_path: Path) -> None:
    browser.open(build(tmp_path / "page.html", [entry("t", RIGHT)]), "#t/1")
    assert "no journal beside the results has it" in browser.one(".sample.linked").text


def test_every_row_is_printed_in_dark_ink(browser: Browser, tmp_path: Path) -> None:
    built = build(tmp_path / "page.html", [entry(f"t{n:03}", RIGHT) for n in range(150)])
    browser.open(built, scheme="dark")
    browser.run("window.dispatchEvent(new Event('beforeprint'))")
    assert len(listed(browser)) == 150
    media = {"media": "print", "features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", media)
    ink = browser.one("h1").value_of_css_property("color")
    assert all(int(part) < 64 for part in re.findall(r"\d+", ink)[:3])


@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_core_finds_no_violation_in_a_conversation(
    browser: Browser, tmp_path: Path, scheme: str
) -> None:
    judged = judging(1, 2) | {"voted_attempts": None}
    told = entry(
        "t", RIGHT, NEARLY, turns=[turns("told"), None], judge=judged, combined_from=["A", "B"],
        parent_samples=[None, [0]], refinement_round=[0, 1], prompt_messages=[["Look."], None],
    )  # fmt: skip
    browser.open(build(tmp_path / "page.html", [told, metadata()]), "#t/1", scheme=scheme)
    for part in (".lineage", ".sample .turns", ".sample .prompt"):
        browser.one(f"{part} > summary").click()
    browser.wait(".turn pre")
    browser.wait(".prompt pre")
    assert browser.violations() == []


@needs_axe
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ["", "#t0", "#t1/A1"])
def test_axe_core_finds_no_violation(
    browser: Browser, compared: Path, address: str, scheme: str
) -> None:
    browser.open(compared, address, scheme=scheme)
    assert browser.violations() == []


CONTRAST = """
const channel = (value) => (value /= 255) <= 0.03928
  ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
const luminance = (colour) => {
  const [red, green, blue] = colour.match(/[\\d.]+/g).map(Number);
  return 0.2126 * channel(red) + 0.7152 * channel(green) + 0.0722 * channel(blue);
};
const behind = (node) => {
  for (; node; node = node.parentElement) {
    const colour = getComputedStyle(node).backgroundColor;
    if (!/, 0\\)$|transparent/.test(colour)) return colour;
  }
};
return [...document.querySelectorAll("body *")].filter((node) => node.checkVisibility()
    && [...node.childNodes].some((child) => child.nodeType === 3 && child.data.trim())
    && !node.closest("svg, :disabled, option"))
  .map((node) => {
    const [a, b] = [luminance(getComputedStyle(node).color), luminance(behind(node))];
    return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), node.textContent.slice(0, 40)];
  }).filter(([ratio]) => ratio < 4.5);
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ["", "#bbb", "#ccc"])
def test_every_text_is_read_against_its_ground(
    browser: Browser, page: Path, address: str, scheme: str
) -> None:
    """WCAG 2.2, success criterion 1.4.3: a contrast of 4.5 to 1."""
    browser.open(page, address, scheme=scheme)
    assert browser.run(CONTRAST) == []
