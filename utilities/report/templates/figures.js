// Score against cost, time or tokens a task; and two runs side by side.
const index = block("index");
const { runs, tasks } = index;
const WORTH = { R: 0, T: 1, U: 2, W: 3, E: 4, N: 5 };
const PLOT = { height: 380, left: 48, right: 24, top: 16, bottom: 40 };

function axisText(against, value) {
  if (against === "cost_usd") return usd(value);
  return against === "latency_s" ? duration(value) : Math.round(value).toLocaleString("en");
}

function drawPlot() {
  const against = byId("plot-against").value, width = Math.max(280, byId("plot").clientWidth);
  const rows = index.plot.rows.map((row, place) => ({ ...row, run: runs[place], mean: row[against] }));
  const known = rows.filter((row) => row.mean !== null);
  const most = Math.max(...known.map((row) => row.mean), 0);
  const best = Math.min(1, Math.ceil(Math.max(...rows.map((row) => row.high), 0.1) * 10) / 10);
  const x = (value) => PLOT.left + value / (most || 1) * (width - PLOT.left - PLOT.right - 50) + 30;
  const y = (share) => PLOT.height - PLOT.bottom - share / best * (PLOT.height - PLOT.top - PLOT.bottom);
  const plot = drawing("svg", { viewBox: `0 0 ${width} ${PLOT.height}`, role: "img" });
  const said = known.map((row) => `${row.run.name}: ${percent(row.score)} at ${axisText(against, row.mean)}`);
  plot.setAttribute("aria-label", said.join("; "));
  for (let step = 0; step <= 5; step += 1) {
    const share = best * step / 5;
    plot.append(
      drawing("line", { class: "axis", x1: PLOT.left, x2: width - PLOT.right, y1: y(share), y2: y(share) }),
      drawing("text", { x: PLOT.left - 8, y: y(share) + 4, "text-anchor": "end" }, `${Math.round(share * 100)} %`));
  }
  for (const part of most ? [0, 0.5, 1] : []) {
    plot.append(drawing("text", { x: x(most * part), y: PLOT.height - PLOT.bottom + 20, "text-anchor": "middle" }, part ? axisText(against, most * part) : "0"));
  }
  const taken = [];
  for (const row of known) {
    const near = taken.some(([a, b]) => Math.abs(a - x(row.mean)) < 26 && Math.abs(b - y(row.score)) < 14);
    taken.push([x(row.mean), y(row.score)]);
    drawPoint(plot, row, x(row.mean), y, near);
  }
  if (!most) plot.append(drawing("text", { x: width / 2, y: PLOT.height - PLOT.bottom + 20 }, `none of them took any ${byId("plot-against").selectedOptions[0].text}`));
  const absent = rows.length - known.length, shared = index.plot.tasks;
  const words = shared ? `On the ${count(shared, "task")} that all of them answered.` : "They have no task in common: each on its own tasks.";
  const notes = [words, absent ? `${count(absent, "run")} of unknown ${byId("plot-against").selectedOptions[0].text}.` : ""];
  byId("plot").replaceChildren(plot, element("p", { class: "muted", text: notes.join(" ") }));
}

function drawPoint(plot, row, x, y, near) {
  const point = drawing("g");
  point.append(
    drawing("title", {}, `${row.run.name}: ${percent(row.score)}`),
    drawing("line", { class: "whisker", x1: x, x2: x, y1: y(row.low), y2: y(row.high) }),
    drawing("circle", { cx: x, cy: y(row.score), r: 6 }),
    drawing("text", { class: "point-name", x: near ? x - 11 : x + 11, y: y(row.score) + 4, "text-anchor": near ? "end" : "start" }, row.run.letter));
  plot.append(point);
}

// Whether a run solved a task; null if its answer is missing, failed for technical reasons, or cannot be judged.
function solvedBy(run, task) {
  const result = task.results[run];
  return result && (result.solved || result.complete) ? result.solved : null;
}

// Which of the two runs solved a task: "both", "first", "second", "neither"; null without a score.
function pairingOf(task) {
  const [first, second] = comparedRuns().map((run) => solvedBy(run, task));
  if (first === null || second === null) return null;
  if (first) return second ? "both" : "first";
  return second ? "second" : "neither";
}

function comparedRuns() {
  return runs.length > 1 ? [Number(byId("first").value), Number(byId("second").value)] : [0];
}

function pairingWords(pairing) {
  const [first, second] = comparedRuns().map((run) => runs[run].letter);
  return { both: `both ${first} and ${second}`, first: `${first} alone`, second: `${second} alone`, neither: "neither" }[pairing];
}

function drawComparison() {
  const [first, second] = comparedRuns().map((run) => runs[run]), pair = pairOf(first, second);
  const counts = pair ? { both: pair.both, first: pair.alone[0], second: pair.alone[1], neither: pair.tasks - pair.both - pair.alone[0] - pair.alone[1] } : {};
  const cell = (pairing) => element("button", {
    type: "button", "data-pairing": pairing, "aria-pressed": String(view.pairing === pairing),
    onclick: () => choose({ pairing: view.pairing === pairing ? "" : pairing }),
  }, (counts[pairing] || 0).toLocaleString("en"), element("small", { text: `solved by ${pairingWords(pairing)}` }));
  const said = (text) => element("span", { text });
  const matrix = element("div", { class: "matrix" },
    said(""), said(`${second.letter} solved`), said(`${second.letter} did not`),
    said(`${first.letter} solved`), cell("both"), cell("first"),
    said(`${first.letter} did not`), cell("second"), cell("neither"));
  byId("matrix").replaceChildren(matrix, versus(first, second, pair));
}

// How two runs compare on the tasks that both answered, as compare_runs.py says; null without such tasks.
function pairOf(first, second) {
  const found = index.pairs[`${first.letter} ${second.letter}`];
  if (found) return { ...found, alone: [found.only_first.length, found.only_second.length] };
  const turned = index.pairs[`${second.letter} ${first.letter}`];
  return turned ? { ...turned, means: [...turned.means].reverse(), alone: [turned.only_second.length, turned.only_first.length] } : null;
}

function versus(first, second, pair) {
  if (!pair) return element("p", { class: "muted", text: "They have no scored task in common." });
  const { tasks, means, unshared, unanswered, p_value: chance, detectable } = pair;
  const row = (name, text) => element("tr", {}, element("th", { scope: "row", text: name }), ...means.map((one) => element("td", { text: text(one) })));
  const table = element("table", { class: "versus" },
    element("tr", {}, element("th", { scope: "col", text: `means over ${count(tasks, "task")}` }), element("th", { scope: "col", text: first.letter }), element("th", { scope: "col", text: second.letter })),
    row("score", (one) => percent(one.score)),
    row("cost a task", (one) => (one.cost_usd === null ? "unknown" : usd(one.cost_usd))),
    row("waiting a task", (one) => duration(one.latency_s)),
    row("tokens a task", (one) => Math.round(one.tokens).toLocaleString("en")));
  const left = [[unshared, "that only one was given"], [unanswered, "that not both answered"]].filter(([number]) => number).map((words) => words.join(" "));
  const words = `These are the tasks that both answered${left.length ? `; left out: ${left.join(", ")}` : ""}. McNemar's exact test of the tasks that one alone solved: p = ${Number(chance.toPrecision(3))}; ${detectable}.`;
  return element("div", {}, table, element("p", { class: "muted", text: words }));
}
