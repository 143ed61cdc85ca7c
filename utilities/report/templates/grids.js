// A grid comes as rows of digits with "/" between them; it is drawn on a canvas.
const COLOURS = ["#000000", "#0074d9", "#ff4136", "#2ecc40", "#ffdc00", "#aaaaaa", "#f012be", "#ff851b", "#7fdbff", "#870c25"];
const NAMES = ["black", "blue", "red", "green", "yellow", "grey", "magenta", "orange", "azure", "maroon"];

function rowsOf(text) {
  return text.split("/");
}

function longestSide(texts) {
  return Math.max(1, ...texts.filter(Boolean).flatMap((text) => [rowsOf(text).length, rowsOf(text)[0].length]));
}

// A cell's side in pixels, so that the largest of these grids is about `side` long and, where
// they stand `beside` each other, both fit on a small screen.
function cellFor(texts, side, beside = false) {
  const longest = longestSide(texts), narrow = window.innerWidth < 720 && !beside;
  const wanted = narrow ? Math.min(side, 140) : longest > 20 ? side * 1.3 : side;
  const columns = texts.filter(Boolean).map((text) => rowsOf(text)[0].length).reduce((a, b) => (beside ? a + b : Math.max(a, b)), 0);
  const room = window.innerWidth - (beside ? 110 : 80);
  return Math.max(4, Math.min(26, Math.floor(wanted / longest), Math.floor(room / Math.max(1, columns))));
}

function paint(text, cell, wrong) {
  const rows = rowsOf(text), width = rows[0].length, scale = window.devicePixelRatio || 1;
  const canvas = element("canvas", { role: "img" });
  const size = Math.max(1, Math.round(cell * scale)), line = cell >= 5 ? Math.max(1, Math.round(scale)) : 0;
  canvas.width = width * size + line;
  canvas.height = rows.length * size + line;
  canvas.style.width = `${canvas.width / scale}px`;
  const pen = canvas.getContext("2d");
  pen.fillStyle = "#5b5b5b";
  pen.fillRect(0, 0, canvas.width, canvas.height);
  rows.forEach((row, y) => [...row].forEach((digit, x) => {
    pen.fillStyle = COLOURS[digit];
    pen.fillRect(x * size + line, y * size + line, size - line, size - line);
  }));
  for (const [y, x] of wrong) mark(pen, x * size + line, y * size + line, size - line, scale);
  return canvas;
}

// A cross in white with a black rim stands out on each of the ten colours.
function mark(pen, left, top, side, scale) {
  const inset = side * 0.26, ends = [left + inset, left + side - inset, top + inset, top + side - inset];
  pen.lineCap = "round";
  for (const [colour, width] of [["#000", Math.max(3, side * 0.26)], ["#fff", Math.max(1.2 * scale, side * 0.12)]]) {
    pen.strokeStyle = colour;
    pen.lineWidth = width;
    pen.beginPath();
    pen.moveTo(ends[0], ends[2]);
    pen.lineTo(ends[1], ends[3]);
    pen.moveTo(ends[1], ends[2]);
    pen.lineTo(ends[0], ends[3]);
    pen.stroke();
  }
}

// The cells, as [row, column], in which two grids of one shape differ; null where shapes differ.
function differences(got, wanted) {
  const rows = rowsOf(got), others = rowsOf(wanted), found = [];
  if (rows.length !== others.length || rows[0].length !== others[0].length) return null;
  rows.forEach((row, y) => [...row].forEach((digit, x) => {
    if (digit !== others[y][x]) found.push([y, x]);
  }));
  return found;
}

function shapeOf(text) {
  return `${rowsOf(text).length} × ${rowsOf(text)[0].length}`;
}

function compared(got, wanted) {
  const wrong = differences(got, wanted);
  if (wrong === null) return { wrong: [], words: `✗ ${shapeOf(got)}, expected ${shapeOf(wanted)}`, mood: "no" };
  if (wrong.length === 0) return { wrong, words: "✓ right", mood: "yes" };
  return { wrong, words: `✗ ${wrong.length} of ${count(got.replaceAll("/", "").length, "cell")} wrong`, mood: "no" };
}

// A grid with its caption; with `wanted` its wrong cells are marked and counted.
function gridFigure(text, name, cell, wanted = null) {
  if (!text) {
    return element("figure", { class: "grid" }, element("div", { class: "no-grid", text: "no grid" }),
      element("figcaption", { text: name }));
  }
  const verdict = wanted ? compared(text, wanted) : { wrong: [], words: shapeOf(text), mood: "" };
  const canvas = paint(text, cell, verdict.wrong);
  canvas.setAttribute("aria-label", `${name}, ${shapeOf(text)}, ${verdict.words}`);
  canvas.dataset.grid = text;
  canvas.addEventListener("mousemove", (event) => { canvas.title = cellTitle(event, canvas, text, wanted); });
  return element("figure", { class: "grid", "data-wrong": wanted ? verdict.wrong.length : null }, canvas,
    element("figcaption", { class: verdict.mood || null, text: `${name} · ${verdict.words}` }));
}

function cellTitle(event, canvas, text, wanted) {
  const rows = rowsOf(text), box = canvas.getBoundingClientRect();
  const y = Math.min(rows.length - 1, Math.floor((event.clientY - box.top) / box.height * rows.length));
  const x = Math.min(rows[0].length - 1, Math.floor((event.clientX - box.left) / box.width * rows[0].length));
  const digit = (rows[y] || "")[x];
  if (digit === undefined) return "";
  const other = wanted && differences(text, wanted) !== null ? rowsOf(wanted)[y][x] : digit;
  const expected = other === digit ? "" : `, expected ${NAMES[other]} (${other})`;
  return `row ${y}, column ${x}: ${NAMES[digit]} (${digit})${expected}`;
}

function thumbnails(number) {
  const task = block(`t${number}`), frame = element("div", { class: "thumbs" });
  if (task) frame.append(...thumbnailsOf(task));
  else whenWhole(() => frame.append(...thumbnailsOf(block(`t${number}`))));
  return frame;
}

function thumbnailsOf(task) {
  const [first] = task.train.length ? task.train : task.test;
  if (!first) return [];
  const drawn = first.filter(Boolean).map((text) => {
    const canvas = paint(text, Math.max(1, 42 / longestSide([text])), []);
    canvas.setAttribute("aria-hidden", "true");
    return canvas;
  });
  return drawn.length > 1 ? [drawn[0], element("span", { text: "→" }), drawn[1]] : drawn;
}
