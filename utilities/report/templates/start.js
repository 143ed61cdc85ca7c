// Which of the two views is shown is the address's part behind `#`; the keys are bound here.
tasks.forEach((task, number) => { task.number = number; });
const byAddress = new Map(tasks.map((task) => [task.address, task]));
const dark = window.matchMedia("(prefers-color-scheme: dark)");
let left = { scroll: 0, task: null };

function decoded(address) {
  try {
    return decodeURIComponent(address);
  } catch {
    return address; // an address that is no encoding is taken as it stands
  }
}

// A task's address, and behind a slash a sample of it: its number, with its run's letter if there are several.
// A slash of an id is encoded in the page's own links: "t/1" is at #t%2F1, the first sample of "t" at #t/1.
function taskAt(address) {
  const slash = address.lastIndexOf("/"), before = slash < 0 ? undefined : byAddress.get(decoded(address.slice(0, slash)));
  return before ? [before, address.slice(slash + 1)] : [byAddress.get(decoded(address)), null];
}

function route() {
  const address = location.hash.slice(1);
  const [task, sample] = taskAt(address);
  if (!task) {
    showOverview();
    if (address.startsWith("?") && `#${address}` !== filterAddress()) filterBy(address.slice(1));
    return;
  }
  if (!byId("overview").hidden) left.scroll = window.scrollY;
  left.task = task;
  if (!isWhole()) whenWhole(() => { if (opened.task === task) showTask(task, sample); });
  showTask(task, sample);
  if (sample && byId("task").querySelector(".sample.linked")) return;
  window.scrollTo(0, 0);
  byId("task").querySelector("h1").focus({ preventScroll: true });
}

function showOverview() {
  const wasHidden = byId("overview").hidden;
  byId("task").hidden = true;
  byId("task").replaceChildren();
  byId("overview").hidden = false;
  if (!wasHidden) return;
  while (listed.indexOf(left.task) >= drawn) drawRows();
  window.scrollTo(0, left.scroll);
  if (left.task) moveTo(byId("table").querySelector(`tr[data-task="${left.task.number}"]`));
}

function back() {
  location.hash = filterAddress();
}

function switchTheme() {
  const now = document.documentElement.dataset.theme || (dark.matches ? "dark" : "light");
  document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
}

function reset() {
  for (const id of ["query", "within", "result", "status"]) byId(id).value = "";
  choose({ query: "", within: "", result: "", status: "", pairing: "", column: "task", descending: false });
}

const OVERVIEW_KEYS = { j: () => step(1), ArrowDown: () => step(1), k: () => step(-1), ArrowUp: () => step(-1) };

function otherTask(by) {
  const other = listed[listed.indexOf(opened.task) + by];
  if (other && listed.includes(opened.task)) location.hash = addressOf(other);
}

const TASK_KEYS = {
  Escape: back, j: () => otherTask(1), ArrowRight: () => otherTask(1), k: () => otherTask(-1), ArrowLeft: () => otherTask(-1),
};
const PAGE_KEYS = { t: switchTheme, "?": () => byId("key-list").showModal() };

function pressed(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || byId("key-list").open) return;
  const onOverview = byId("task").hidden, { target } = event;
  if (/^(INPUT|SELECT|TEXTAREA)$/.test(target.tagName)) {
    if (event.key === "Escape") target.blur();
    if (event.key === "Enter" && target.id === "query" && listed.length) location.hash = addressOf(listed[0]);
    return;
  }
  if (target.tagName === "PRE" && event.key.startsWith("Arrow")) return;
  const action = (onOverview ? OVERVIEW_KEYS : TASK_KEYS)[event.key] || PAGE_KEYS[event.key];
  if (action) {
    event.preventDefault();
    action();
  } else if (onOverview && event.key === "/") {
    event.preventDefault();
    byId("query").focus();
  } else if (onOverview && event.key === "Enter" && target.matches("tr[data-task]")) {
    location.hash = addressOf(tasks[Number(target.dataset.task)]);
  }
}

function bind() {
  let typing = 0;
  byId("query").addEventListener("input", (event) => {
    clearTimeout(typing);
    const search = () => choose({ query: event.target.value.trim().toLowerCase() });
    if (view.within) typing = setTimeout(search, 250); // long texts are not searched at every key
    else search();
  });
  byId("within").addEventListener("change", (event) => choose({ within: event.target.value }));
  byId("run").addEventListener("change", (event) => choose({ run: Number(event.target.value) }));
  byId("result").addEventListener("change", (event) => choose({ result: event.target.value }));
  byId("status").addEventListener("change", (event) => choose({ status: event.target.value }));
  byId("pairing").addEventListener("click", () => choose({ pairing: "" }));
  byId("reset").addEventListener("click", reset);
  byId("theme").addEventListener("click", switchTheme);
  byId("keys").addEventListener("click", PAGE_KEYS["?"]);
  if (runs.length > 1) {
    byId("plot-against").addEventListener("change", drawPlot);
    for (const id of ["first", "second"]) byId(id).addEventListener("change", () => choose({ pairing: "" }));
  }
  document.addEventListener("keydown", pressed);
  window.addEventListener("hashchange", route);
  window.addEventListener("beforeprint", () => { while (drawn < listed.length) drawRows(); });
  if (runs.length > 1) new ResizeObserver(drawPlot).observe(byId("plot"));
  const nearEnd = new IntersectionObserver((found) => {
    if (!found.some((one) => one.isIntersecting) || drawn >= listed.length) return;
    drawRows();
    nearEnd.unobserve(byId("more")); // observed anew, it tells once more if the end is still near
    nearEnd.observe(byId("more"));
  }, { rootMargin: "600px" });
  nearEnd.observe(byId("more"));
}

document.addEventListener("DOMContentLoaded", () => waiting.splice(0).forEach((action) => action()));
fillFilters();
bind();
refresh();
if (runs.length > 1) {
  if (!runs.some((run) => run.cost)) byId("plot-against").value = "latency_s";
  drawPlot();
}
whenWhole(() => { if (view.within && view.query) refresh(); }); // texts are there only now
route();
performance.mark("usable"); // read by whoever measures how fast the page is there
