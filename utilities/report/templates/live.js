// The live page: asks its own server every two seconds, and draws what came.
const EVERY_MS = 2000;

function fact(name, text) {
  return element("div", {}, element("dt", { text: name }), element("dd", { text }));
}

// One that was killed says nothing of it: a reader sees for how long no task has come.
function stateOf(run) {
  const quiet = run.status === "running" && run.quiet_s > 60;
  return quiet ? `no task for ${duration(run.quiet_s)}` : visible(run.status);
}

function runCard(run) {
  const statuses = Object.entries(run.statuses).map(([name, number]) => `${visible(name)} ${number.toLocaleString("en")}`);
  const rate = run.tasks_a_minute === null ? "–" : `${run.tasks_a_minute.toFixed(1)} a minute`;
  return element("article", { class: "card run", "data-run": run.run_id },
    element("h2", { text: visible(run.model) }),
    element("p", { class: "muted", text: visible([run.about, run.file].filter(Boolean).join(" · ")) }),
    element("p", { class: "score" },
      element("strong", { text: run.tasks.toLocaleString("en") }),
      element("span", { text: `task${run.tasks === 1 ? "" : "s"} done; ${run.solved} of ${run.scored} solved` })),
    element("dl", { class: "facts" },
      fact("state", stateOf(run)), fact("rate", rate),
      fact("cost", `${run.unpriced ? "at least " : ""}${usd(run.cost_usd)}`),
      fact("tokens", run.tokens.toLocaleString("en"))),
    element("p", { class: "muted statuses", text: `status: ${statuses.join(", ")}` }));
}

function newestItem(sample) {
  const facts = [visible(sample.run)];
  if (sample.cost_usd !== null) facts.push(usd(sample.cost_usd));
  if (sample.latency_s !== null) facts.push(duration(sample.latency_s));
  const solved = sample.solved === null ? null : element("span", { class: `verdict ${sample.solved ? "yes" : "no"}`, text: sample.solved ? "✓ task solved" : "✗ task not solved" });
  return element("li", {},
    element("p", {}, element("b", { class: "id", text: `${visible(sample.task)} · sample ${sample.sample}` }), " ",
      element("span", { class: sample.status === "ok" ? "tag" : "tag bad", text: visible(sample.status || "none") }), " ", solved, " ",
      element("span", { class: "muted", text: facts.join(" · ") })),
    element("p", { class: "muted preview", dir: "auto", text: visible(sample.text) }));
}

function draw(state) {
  byId("live-runs").replaceChildren(...state.runs.map(runCard));
  byId("newest").replaceChildren(...state.newest.map(newestItem));
  const absent = state.files.filter((file) => !file.is_there).map((file) => visible(file.path));
  const damaged = state.files.reduce((sum, file) => sum + file.unreadable, 0);
  const parts = [`${count(state.runs.length, "run")} in ${count(state.files.length, "file")}`, `looked at ${new Date().toLocaleTimeString("en-GB")}`];
  if (absent.length) parts.push(`not there yet: ${absent.join(", ")}`);
  if (damaged) parts.push(`${count(damaged, "line")} could not be read`);
  byId("told").textContent = parts.join(" · ");
}

async function look() {
  try {
    const answer = await fetch("/state");
    draw(await answer.json());
  } catch {
    byId("told").textContent = "the server has ended; this is what was seen last";
  }
  setTimeout(look, EVERY_MS);
}

look();
