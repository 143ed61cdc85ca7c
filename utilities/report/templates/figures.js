// Score against cost, time or tokens; and two runs side by side.
const index = block("index");
const { runs, tasks } = index;
const WORTH = { R: 0, T: 1, U: 2, W: 3, E: 4, N: 5 };
const PLOT = { height: 380, left: 48, right: 24, top: 16, bottom: 40 };

function axisText(against, value) {
  if (against === "cost") return usd(value);
  return against === "seconds" ? duration(value) : value.toLocaleString("en");
}

function drawPlot() {
  const against = byId("plot-against").value, width = Math.max(280, byId("plot").clientWidth);
  const known = runs.filter((run) => run[against] !== null && !(against === "cost" && run.unpriced === run.samples));
  const most = Math.max(...known.map((run) => run[against]), 0);
  const best = Math.min(1, Math.ceil(Math.max(...runs.map((run) => run.high), 0.1) * 10) / 10);
  const x = (value) => PLOT.left + value / (most || 1) * (width - PLOT.left - PLOT.right - 30) + 10;
  const y = (share) => PLOT.height - PLOT.bottom - share / best * (PLOT.height - PLOT.top - PLOT.bottom);
  const plot = drawing("svg", { viewBox: `0 0 ${width} ${PLOT.height}`, role: "img" });
  const said = known.map((run) => `${run.name}: ${percent(run.score)} at ${axisText(against, run[against])}`);
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
  for (const run of known) {
    const near = taken.some(([a, b]) => Math.abs(a - x(run[against])) < 26 && Math.abs(b - y(run.score)) < 14);
    taken.push([x(run[against]), y(run.score)]);
    drawPoint(plot, run, x(run[against]), y, near);
  }
  if (!most) plot.append(drawing("text", { x: width / 2, y: PLOT.height - PLOT.bottom + 20 }, `none of them took any ${byId("plot-against").selectedOptions[0].text}`));
  const absent = runs.length - known.length;
  byId("plot").replaceChildren(plot, ...(absent ? [element("p", { class: "muted", text: `${count(absent, "run")} of unknown ${byId("plot-against").selectedOptions[0].text}` })] : []));
}

function drawPoint(plot, run, x, y, near) {
  const point = drawing("g");
  point.append(
    drawing("title", {}, `${run.name}: ${percent(run.score)}`),
    drawing("line", { class: "whisker", x1: x, x2: x, y1: y(run.low), y2: y(run.high) }),
    drawing("circle", { cx: x, cy: y(run.score), r: 6 }),
    drawing("text", { class: "point-name", x: near ? x - 11 : x + 11, y: y(run.score) + 4, "text-anchor": near ? "end" : "start" }, run.letter));
  plot.append(point);
}

// Whether a run solved a task, which it did not if the task was selected and has no entry; null without a score.
function solvedBy(run, task) {
  if (task.results[run]) return task.results[run].solved;
  return runs[run].missing.includes(task.task_id) ? false : null;
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
  const counts = { both: 0, first: 0, second: 0, neither: 0 }, [first, second] = comparedRuns().map((run) => runs[run]);
  for (const task of tasks) {
    const pairing = pairingOf(task);
    if (pairing) counts[pairing] += 1;
  }
  const cell = (pairing) => element("button", {
    type: "button", "data-pairing": pairing, "aria-pressed": String(view.pairing === pairing),
    onclick: () => choose({ pairing: view.pairing === pairing ? "" : pairing }),
  }, counts[pairing].toLocaleString("en"), element("small", { text: `solved by ${pairingWords(pairing)}` }));
  const said = (text) => element("span", { text });
  const matrix = element("div", { class: "matrix" },
    said(""), said(`${second.letter} solved`), said(`${second.letter} did not`),
    said(`${first.letter} solved`), cell("both"), cell("first"),
    said(`${first.letter} did not`), cell("second"), cell("neither"));
  byId("matrix").replaceChildren(matrix, versus(first, second, counts));
}

function versus(first, second, counts) {
  const chance = index.pairs[`${first.letter} ${second.letter}`] ?? index.pairs[`${second.letter} ${first.letter}`];
  const row = (name, text) => element("tr", {}, element("th", { scope: "row", text: name }),
    element("td", { text: text(first) }), element("td", { text: text(second) }));
  const table = element("table", { class: "versus" },
    element("tr", {}, element("td"), element("td", { text: first.letter }), element("td", { text: second.letter })),
    row("score", (run) => percent(run.score)),
    row("tasks", (run) => `${run.solved} of ${run.tasks}`),
    row("95 % interval", (run) => `${percent(run.low)} – ${percent(run.high)}`),
    row("cost", (run) => costText(run.cost, run.unpriced, run.samples)),
    row("cost a solved task", (run) => (run.solved ? costText(run.cost / run.solved, run.unpriced, run.samples) : "–")),
    row("time", (run) => (run.seconds === null ? "–" : duration(run.seconds))),
    row("samples", (run) => run.samples.toLocaleString("en")));
  const common = Object.values(counts).some(Boolean);
  const words = !common || chance === undefined ? "They have no scored task in common." : `Of the tasks that only one of them solved, ${counts.first} are ${first.letter}'s and `
    + `${counts.second} ${second.letter}'s; were they equally good, a split as uneven would come up with a chance of ${chance.toPrecision(3)} (McNemar's exact test).`;
  return element("div", {}, table, element("p", { class: "muted", text: words }));
}
