// The table of tasks: filters, order, and rows that are drawn as they come into sight.
const ROWS_AT_ONCE = 60;
const view = { query: "", within: "", run: index.beside[0], result: "", status: "", pairing: "", column: "task", descending: false };
let listed = [];
let drawn = 0;

function resultOf(result) {
  if (!result) return "missing";
  if (result.solved === null) return "unscored";
  if (result.solved) return "solved";
  if (!result.complete) return "failed";
  return (result.outputs || []).some(Boolean) ? "partly" : "unsolved";
}

function verdictOf(result) {
  const generated = (run) => runs[run].kind === "generated";
  return (run) => ({
    missing: ["not in this run", "unknown"], unscored: ["not scored", "unknown"],
    solved: [generated(run) ? "● usable" : "✓ solved", generated(run) ? "unknown" : "yes"],
    failed: ["! failed", "failed"],
    partly: [`◐ ${(result && result.outputs || []).filter(Boolean).length} of ${(result && result.outputs || []).length} outputs`, "part"],
    unsolved: [generated(run) ? "○ nothing usable" : "✗ not solved", generated(run) ? "unknown" : "no"],
  })[resultOf(result)];
}

function verdict(result, run) {
  const [text, mood] = verdictOf(result)(run);
  return element("span", { class: `verdict ${mood}`, text });
}

function strip(result) {
  const samples = [...result.samples].sort((one, other) => WORTH[one] - WORTH[other]);
  const said = Object.entries(index.outcomes).map(([letter, words]) => [samples.filter((one) => one === letter).length, words]);
  const words = said.filter(([number]) => number).map(([number, meaning]) => `${number} ${meaning}`).join(", ");
  const shown = samples.slice(0, 32).map((letter) => element("i", { class: `outcome-${letter}` }));
  return element("div", { class: "strip", role: "img", "aria-label": words, title: words }, ...shown);
}

const rank = { solved: 0, partly: 1, unsolved: 2, failed: 3, unscored: 4, missing: 5 };
const share = (result) => (result && result.samples.length ? [...result.samples].filter((one) => one === "R" || one === "U").length / result.samples.length : -1);
const shownRun = (task) => task.results[view.run];

function columns() {
  const resultColumn = (run) => ({
    key: `result${run}`, name: runs.length > 1 ? `${runs[run].letter} result` : "result", kind: "result",
    value: (task) => rank[resultOf(task.results[run])] - share(task.results[run]) / 2,
    draw: (task) => [runs.length > 1 ? element("span", { class: "letter phone-only", text: runs[run].letter }) : null, verdict(task.results[run], run), ...(task.results[run] ? [strip(task.results[run])] : [])],
  });
  const amount = (key, name, kind, value, words) => ({
    key, name, kind: `number ${kind}`, value: (task) => (shownRun(task) ? value(shownRun(task)) : -1),
    draw: (task) => [shownRun(task) ? words(shownRun(task)) : "–"],
  });
  const runsShown = runs.length <= 6 ? runs.map((_, run) => run) : [view.run];
  return [
    { key: "picture", name: "first pair", kind: "picture", draw: (task) => [thumbnails(task.number)] },
    { key: "task", name: "task", kind: "id", value: (task) => task.address, draw: (task) => [element("a", { href: addressOf(task), text: visible(task.address), tabindex: -1 })] },
    ...runsShown.map(resultColumn),
    { key: "pairs", name: "pairs", kind: "number wide-only", value: (task) => task.train + task.test, draw: (task) => [`${task.train} + ${task.test}`] },
    { key: "cells", name: "largest grid", kind: "number wide-only", value: (task) => task.cells, draw: (task) => [count(task.cells, "cell")] },
    ...(runs.some((run) => run.input_tokens + run.output_tokens) ? [amount("tokens", "tokens", "tokens", (result) => result.input + result.output, (result) => (result.input + result.output).toLocaleString("en"))] : []),
    amount("cost", "cost", "cost", (result) => result.cost, (result) => costText(result.cost, result.unpriced, result.samples.length)),
    amount("time", "time", "wide-only", (result) => result.latency, (result) => duration(result.latency)),
  ];
}

function addressOf(task) {
  return `#${encodeURIComponent(task.address)}`;
}

// All reasoning and programs of a task, in small letters: read from its blocks at the first search.
const texts = new Map();

function textsOf(task) {
  if (!texts.has(task.number)) {
    const parts = runs.flatMap((_, run) => {
      const found = task.results[run] ? byId(`t${task.number}r${run}`) : null;
      return found ? JSON.parse(found.textContent).samples.flatMap((sample) => [sample.reasoning, sample.code]) : [];
    });
    if (!isWhole()) return "";
    texts.set(task.number, parts.filter(Boolean).join("\n").toLowerCase());
  }
  return texts.get(task.number);
}

function matches(task) {
  const result = shownRun(task);
  return (!view.query || task.address.toLowerCase().includes(view.query) || (view.within === "text" && textsOf(task).includes(view.query)))
    && (!view.result || resultOf(result) === view.result)
    && (!view.status || Boolean(result && (result.statuses[view.status.slice(2)] && view.status[0] === "s"
      || result.executions[view.status.slice(2)] && view.status[0] === "e")))
    && (!view.pairing || pairingOf(task) === view.pairing);
}

function choose(changes) {
  Object.assign(view, changes);
  refresh();
  if (byId("task").hidden) history.replaceState(null, "", filterAddress());
}

// The filters as the address's part behind `#?`, so that what is seen can be linked.
const FILTERS = ["query", "within", "run", "result", "status", "pairing", "first", "second"];
const BEGINNING = { query: "", within: "", run: index.beside[0], result: "", status: "", pairing: "", first: index.beside[0], second: index.beside[1] };

function filterAddress() {
  const now = { ...BEGINNING, ...view };
  for (const id of runs.length > 1 ? ["first", "second"] : []) now[id] = byId(id).value;
  const chosen = FILTERS.filter((name) => String(now[name]) !== String(BEGINNING[name])).map((name) => [name, now[name]]);
  return chosen.length ? `#?${new URLSearchParams(chosen)}` : "#";
}

function filterBy(address) {
  const told = { ...BEGINNING, ...Object.fromEntries(new URLSearchParams(address)) };
  const known = (id) => [...byId(id).options].some((option) => option.value === String(told[id]));
  for (const id of ["within", "run", "result", "status"]) byId(id).value = known(id) ? told[id] : BEGINNING[id];
  if (runs.length > 1) for (const id of ["first", "second"]) byId(id).value = known(id) ? told[id] : BEGINNING[id];
  byId("query").value = told.query;
  choose({
    query: told.query.trim().toLowerCase(), within: byId("within").value, run: Number(byId("run").value), result: byId("result").value, status: byId("status").value,
    pairing: runs.length > 1 && ["both", "first", "second", "neither"].includes(told.pairing) ? told.pairing : "",
  });
}

function refresh() {
  const column = columns().find((one) => one.key === view.column) || columns()[1];
  const sign = view.descending ? -1 : 1;
  const keyed = tasks.filter(matches).map((task) => [column.value(task), task]);
  keyed.sort(([one, a], [other, b]) => sign * (one < other ? -1 : one > other ? 1 : 0) || a.number - b.number);
  listed = keyed.map(([, task]) => task);
  byId("count").textContent = `${listed.length.toLocaleString("en")} of ${count(tasks.length, "task")}`;
  byId("pairing").hidden = !view.pairing;
  byId("pairing").textContent = view.pairing ? `solved by ${pairingWords(view.pairing)} ×` : "";
  if (runs.length > 1) drawComparison();
  drawHead();
  byId("table").tBodies[0].replaceChildren();
  drawn = 0;
  drawRows();
}

function drawHead() {
  byId("table").tHead.rows[0].replaceChildren(...columns().map((column) => {
    const sorted = column.key === view.column ? (view.descending ? "descending" : "ascending") : null;
    const button = element("button", { type: "button", text: column.name, "data-column": column.key, onclick: () => sortBy(column.key) });
    return element("th", { scope: "col", class: column.kind, "aria-sort": sorted }, column.value ? button : element("span", { class: "muted", text: column.name }));
  }));
}

function sortBy(key) {
  choose({ column: key, descending: view.column === key ? !view.descending : /tokens|cost|time|cells|pairs/.test(key) });
  byId("table").querySelector(`[data-column="${key}"]`).focus();
}

function drawRows() {
  const shown = columns();
  const portion = listed.slice(drawn, drawn + ROWS_AT_ONCE).map((task, place) => element("tr", {
    tabindex: drawn + place === 0 ? 0 : -1, "data-task": task.number, onclick: () => { location.hash = addressOf(task); },
  }, ...shown.map((column) => element("td", { class: column.kind }, ...column.draw(task).filter(Boolean)))));
  byId("table").tBodies[0].append(...portion);
  drawn += portion.length;
  const left = listed.length - drawn;
  const button = element("button", { type: "button", text: "show more", onclick: drawRows });
  byId("more").replaceChildren(...(left ? [`${count(left, "more task")} below`, button] : []));
  if (!listed.length) byId("more").textContent = tasks.length ? "No task matches these filters." : "No task has an entry yet.";
}

function fillFilters() {
  for (const id of ["run", ...(runs.length > 1 ? ["first", "second"] : [])]) byId(id).value = BEGINNING[id];
  const group = (label, letter, field) => {
    const names = new Set(runs.flatMap((run) => Object.keys(run[field])));
    return element("optgroup", { label }, ...[...names].sort().map((name) => element("option", { value: `${letter}:${name}`, text: visible(name) })));
  };
  byId("status").append(...[group("status", "s", "statuses"), group("execution", "e", "executions")].filter((one) => one.children.length));
  const letters = Object.keys(index.outcomes).filter((letter) => runs.some((run) => run.outcomes[letter]));
  byId("outcome-legend").append(...letters.map((letter) => element("li", {}, element("i", { class: `chip outcome-${letter}` }), index.outcomes[letter])));
}

// Rows: the one that Tab reaches is the one that the arrows left.
function moveTo(row) {
  if (!row) return;
  byId("table").querySelectorAll('tbody tr[tabindex="0"]').forEach((other) => other.setAttribute("tabindex", -1));
  row.setAttribute("tabindex", 0);
  row.focus({ preventScroll: true });
  row.scrollIntoView({ block: "nearest" });
}

function step(by) {
  const rows = [...byId("table").tBodies[0].rows], here = rows.indexOf(document.activeElement);
  if (here + by >= rows.length && drawn < listed.length) {
    drawRows();
    step(by);
    return;
  }
  moveTo(here < 0 ? rows.find((row) => row.getAttribute("tabindex") === "0") : rows[here + by]);
}
