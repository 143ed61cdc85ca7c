// One task: its pairs, and what one run, or two side by side, made of it.
const MARKS = { true: ["✓", "yes"], false: ["✗", "no"], null: ["·", ""] };
const opened = { task: null, runs: [0] };

function showTask(task, linked = null) {
  if (opened.task === null && runs.length > 1) opened.runs = comparedRuns().filter((run, place, all) => all.indexOf(run) === place);
  const [, letter, number] = /^(\D*)(\d+)$/.exec(linked || "") || [];
  const named = runs.findIndex((run) => run.letter === letter);
  if (named >= 0) opened.runs = [named];
  opened.task = task;
  const pairs = block(`t${task.number}`) || { train: [], test: [] };
  const shown = opened.runs.filter((run) => run < runs.length);
  const columns = shown.map((run, place) => runColumn(task, pairs, run, place));
  byId("task").replaceChildren(
    taskHead(task, shown),
    element("div", { class: "task-pairs" }, element("section", { class: "card" }, element("h2", { text: "Train pairs" }),
      element("div", { class: "pairs" }, ...pairs.train.map((pair, place) => pairFigure(pair, `pair ${place + 1}`)))),
    element("section", { class: "card" }, element("h2", { text: "Test" }),
      ...pairs.test.map((pair, place) => element("div", { class: "pairs" }, pairFigure(pair, `test ${place + 1}`, "expected"),
        ...shown.flatMap((run) => attemptsAt(task, run, place, pair[1])))))),
    element("div", { class: `columns${shown.length > 1 ? " two" : ""}` }, ...columns));
  byId("overview").hidden = true;
  byId("task").hidden = false;
  const box = number && (named >= 0 || !letter) && columns[0].querySelector(`.sample[data-sample="${Number(number) - 1}"]`);
  if (!box) return;
  box.open = true;
  box.classList.add("linked");
  box.scrollIntoView({ block: "start" });
}

function taskHead(task, shown) {
  const place = listed.indexOf(task);
  const go = (by, text, title) => {
    const other = place < 0 ? undefined : listed[place + by];
    return element("button", { type: "button", text, title, disabled: !other, onclick: () => { location.hash = addressOf(other); } });
  };
  return element("div", { class: "task-head" },
    element("button", { type: "button", id: "back", text: "← all tasks", onclick: back }),
    element("h1", { class: "id", tabindex: -1 }, element("a", { href: addressOf(task), title: "link to this task", text: visible(task.address) })),
    ...shown.map((run) => element("span", {}, runs.length > 1 ? element("span", { class: "letter", text: runs[run].letter }) : null, " ", verdict(task.results[run], run))),
    element("nav", { "aria-label": "Other tasks" },
      element("span", { class: "muted", text: place < 0 ? "" : `${place + 1} of ${listed.length}` }),
      go(-1, "↑ previous", "previous task (←)"), go(1, "↓ next", "next task (→)")));
}

function pairFigure([input, output], name, outputName = "output") {
  const cell = cellFor([input, output], 160, true);
  return element("div", { class: "pair" }, element("h3", { text: name }),
    element("div", {}, gridFigure(input, "input", cell), element("span", { class: "arrow", text: "→" }), gridFigure(output, outputName, cell)));
}

function runColumn(task, pairs, run, place) {
  const result = task.results[run];
  const details = result ? block(`t${task.number}r${run}`) : null;
  return element("section", { class: "card column", "data-run": run },
    element("div", { class: "column-head" }, ...columnHead(run, place)),
    result ? element("p", {}, verdict(result, run), element("span", { class: "muted", text: ` · ${resultFacts(result)}` })) : element("p", { class: "muted", text: "This run has no result for the task." }),
    result && !details && !isWhole() ? element("p", { class: "muted", text: "The page is still being read …" }) : null,
    result && !details && isWhole() ? element("p", { class: "muted", text: "Its samples are not in this page, which had no room for them; build it with a larger --max_megabytes." }) : null,
    ...(details ? [samplesOf(task, run, details, pairs)] : []));
}

function columnHead(run, place) {
  if (runs.length === 1) return [element("h2", { text: "Samples" })];
  const pick = element("select", { "aria-label": "Run", onchange: (event) => changeRun(place, Number(event.target.value)) },
    ...runs.map((one, number) => element("option", { value: number, selected: number === run, text: `${one.letter} · ${one.name}` })));
  const alone = opened.runs.length === 1;
  return [pick, element("button", { type: "button", text: alone ? "beside another run" : "show alone", onclick: () => {
    opened.runs = alone ? [run, runs.findIndex((_, number) => number !== run)] : [run];
    showTask(opened.task);
  } })];
}

function changeRun(place, run) {
  opened.runs[place] = run;
  showTask(opened.task);
}

function resultFacts(result) {
  const facts = [count(result.samples.length, "sample")];
  if (result.input + result.output) facts.push(`${result.input.toLocaleString("en")} tokens in, ${result.output.toLocaleString("en")} out`);
  facts.push(result.samples.length && result.unpriced === result.samples.length ? "cost unknown" : costText(result.cost, result.unpriced, result.samples.length));
  if (result.latency) facts.push(duration(result.latency));
  return facts.join(" · ");
}

// What a run handed in for a test input, beside what was expected.
function attemptsAt(task, run, place, wanted) {
  const details = task.results[run] ? block(`t${task.number}r${run}`) : null;
  const tried = details && details.attempts ? details.attempts[place] || [] : [];
  const cell = cellFor([wanted, ...tried], 160), of = runs.length > 1 ? `${runs[run].letter} ` : "";
  return tried.length ? [element("div", { class: "attempts" }, element("h3", { text: `${of}attempts` }),
    element("div", {}, ...tried.map((grid, number) => gridFigure(grid, attemptName(details, place, number), cell, wanted))))] : [];
}

// Of a combined run also which runs gave the attempt.
function attemptName(details, place, number) {
  const from = ((details.from || [])[place] || [])[number] || [];
  return `attempt ${number + 1}${from.length ? ` of ${visible(from.join(", "))}` : ""}`;
}

function samplesOf(task, run, details, pairs) {
  const { samples } = details, judged = details.judge ? element("p", { class: "muted", text: visible(details.judge) }) : null;
  const list = element("div", {}, element("h3", { text: count(samples.length, "sample") }), judged, lineageOf(samples));
  const order = samples.map((sample, place) => [WORTH[sample.outcome], place]).sort(([a, m], [b, n]) => a - b || m - n);
  samples.forEach((sample, place) => list.append(sampleBox({ ...sample, prompt: details.prompts[sample.prompt], reply: `t${task.number}r${run}s${place}`, address: `${addressOf(task)}/${runs.length > 1 ? runs[run].letter : ""}${place + 1}` }, place, pairs, order.length && order[0][1] === place)));
  return list;
}

// Round by round, each program's score and the samples that it was shown; null if none was shown any.
function lineageOf(samples) {
  if (!samples.some((sample) => sample.parents)) return null;
  const rounds = [];
  samples.forEach((sample, place) => (rounds[sample.round || 0] = rounds[sample.round || 0] || []).push([sample, place]));
  const link = (place, text) => {
    const button = element("button", { type: "button", text });
    button.addEventListener("click", () => {
      const box = button.closest("div").querySelector(`details[data-sample="${place}"]`);
      box.open = true;
      box.scrollIntoView({ block: "center" });
    });
    return button;
  };
  const node = ([sample, place]) => element("span", {}, link(place, `${place + 1}`),
    sample.score === undefined ? null : ` ${(100 * sample.score).toFixed(0)} %`,
    sample.parents ? ` of ${sample.parents.map((parent) => parent + 1).join(", ")}` : null, "  ");
  return element("details", { class: "lineage" }, element("summary", { text: "lineage: each sample, the train pairs that it solves, and what it was shown" }),
    element("ol", {}, ...rounds.filter(Boolean).map((round) => element("li", {}, ...round.map(node)))));
}

// A sample's grids and texts are made when it is opened for the first time.
function sampleBox(sample, place, pairs, open) {
  const body = element("div");
  const box = element("details", { class: "sample", "data-sample": place }, sampleHead(sample, place), body);
  box.addEventListener("toggle", () => {
    if (box.open && !body.hasChildNodes()) body.append(...sampleBody(sample, pairs));
  });
  box.open = open;
  return box;
}

function sampleHead(sample, place) {
  const bad = (text, good) => element("span", { class: text === good ? "tag" : "tag bad", text: visible(text) });
  const marks = (name, flags, always) => (always || (flags && flags.length) ? element("span", { class: "marks", title: `${name} pairs` }, `${name} `,
    ...(flags || []).map((flag) => element("span", { class: MARKS[flag][1], text: MARKS[flag][0] }))) : null);
  const facts = sample.from ? [`of run ${visible(sample.from)}`] : [];
  if (sample.round) facts.push(`refinement ${sample.round}${sample.parents ? ` of sample${sample.parents.length > 1 ? "s" : ""} ${sample.parents.map((parent) => parent + 1).join(", ")}` : ""}`);
  if (sample.turns) facts.push(count(sample.turns.length, "turn"));
  if (sample.chain !== undefined) facts.push(`chain ${sample.chain + 1}`);
  if (sample.score !== undefined) facts.push(`score ${sample.score.toFixed(2)}`);
  if (sample.fresh !== undefined) facts.push(`${(100 * sample.fresh).toFixed(0)} % of fresh pairs${sample.generalises === undefined ? "" : sample.generalises ? ", generalises" : ", does not generalise"}`);
  if (sample.points !== undefined) facts.push(`judge: ${count(sample.points, "point")}`);
  if (sample.view) facts.push(visible(sample.view));
  if (sample.verdict !== undefined) facts.push(`called ${sample.verdict}`);
  if (sample.confidence !== undefined) facts.push(`confidence ${sample.confidence.toFixed(2)}`);
  if (sample.input || sample.output) facts.push(`${(sample.input || 0).toLocaleString("en")} → ${(sample.output || 0).toLocaleString("en")} tokens`);
  if (sample.cost !== undefined) facts.push(usd(sample.cost));
  if (sample.latency !== undefined) facts.push(duration(sample.latency));
  const tests = sample.test_input === undefined ? "test" : `test ${sample.test_input + 1}`;
  return element("summary", {},
    element("i", { class: `chip outcome-${sample.outcome}`, title: index.outcomes[sample.outcome] }),
    element("b", { text: `sample ${place + 1}` }), marks("train", sample.train), marks(tests, sample.test, sample.test_input !== undefined),
    sample.status && sample.status !== "ok" ? bad(sample.status, "ok") : null,
    sample.execution ? bad(sample.execution, "ok") : null,
    sample.varies ? bad("varies from run to run", "") : null, sample.hardcoded ? bad("hardcoded", "") : null,
    element("span", { class: "muted", text: facts.join(" · ") }));
}

function sampleBody(sample, pairs) {
  const outputs = (name, grids, wanted, first = 0) => (grids || []).map((grid, at) => {
    const place = first + at, expected = wanted[place] ? wanted[place][1] : null;
    return gridFigure(grid, `${name} ${place + 1}`, cellFor([grid, expected], 170), expected);
  });
  const figures = [...outputs("train", sample.train_outputs, pairs.train), ...outputs("test", sample.test_outputs, pairs.test, sample.test_input)];
  const parts = [
    figures.length ? element("div", { class: "pairs" }, ...figures) : null,
    sample.error ? textBlock("Error", sample.error, "prose") : null,
    sample.message ? textBlock("What the program said", sample.message, "plain") : null,
    sample.reasoning ? textBlock("Reasoning", sample.reasoning, "prose") : null,
    sample.code ? textBlock("Program", sample.code, "program") : null,
    sample.turns ? disclosed(`the conversation: ${count(sample.turns.length, "turn")}`, "turns", () => sample.turns.map(turnBox)) : null,
    sample.prompt ? disclosed("what the model was shown", "prompt", () => [textBlock("Prompt", sample.prompt, "prose")]) : null,
    rawReply(sample),
  ].filter(Boolean);
  if (!parts.length) parts.push(element("p", { class: "muted", text: "Nothing more is known of this sample." }));
  return [...parts, element("a", { class: "muted", href: sample.address, text: "link to this sample" })];
}

// A turn of a conversation: thought, words, and each call with what came of it.
function turnBox(turn, place) {
  const facts = [];
  if (turn.input || turn.output) facts.push(`${(turn.input || 0).toLocaleString("en")} → ${(turn.output || 0).toLocaleString("en")} tokens`);
  if (turn.cost !== undefined) facts.push(usd(turn.cost));
  if (turn.latency !== undefined) facts.push(duration(turn.latency));
  const calls = (turn.calls || []).flatMap((call) => [
    call.code ? textBlock(`Call of ${visible(call.name || "a tool")}`, call.code, "program") : null,
    call.result !== undefined ? textBlock(`Result${call.status && call.status !== "ok" ? ` (${visible(call.status)})` : ""}`, call.result, "plain") : null]);
  return element("section", { class: "turn" }, element("h3", {}, `Turn ${place + 1} `, element("span", { class: "muted", text: facts.join(" · ") })),
    turn.thinking ? textBlock("Thinking", turn.thinking, "prose") : null, turn.text ? textBlock("Words", turn.text, "prose") : null, ...calls);
}

// What is made when it is opened for the first time.
function disclosed(title, kind, make) {
  const box = element("details", { class: kind }, element("summary", { text: title }));
  box.addEventListener("toggle", async () => {
    if (box.children.length > 1) return;
    const body = element("div");
    box.append(body);
    body.append(...await make());
  });
  return box;
}

function rawReply(sample) {
  const packed = block(sample.reply);
  if (packed) return disclosed("what the model replied", "reply", async () => replyTexts(JSON.parse(await unpacked(packed))));
  if (!index.with_replies || sample.input === undefined || (sample.turns || []).length > 1) return null;
  const why = byId(sample.reply) ? "there was no room for it" : "no journal beside the results has it";
  return element("p", { class: "muted", text: `The raw reply is not in this page: ${why}.` });
}

function replyTexts(reply) {
  return [["Thinking", reply.thinking], ["Raw reply", reply.text], ["What the server sent, which could not be read", reply.body]]
    .filter(([, text]) => text).map(([title, text]) => textBlock(title, text, "prose"));
}

// A zlib stream in Base64.
async function unpacked(packed) {
  const bytes = Uint8Array.from(atob(packed), (character) => character.charCodeAt(0));
  return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"))).text();
}
