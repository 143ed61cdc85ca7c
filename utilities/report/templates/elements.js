// Elements are made here, by name, and text goes in as text: nothing parses a reply as HTML.
const MOST_BLOCKS = 200;
const SHOWN_AT_ONCE = 50000;
const INVISIBLE = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\u{e0000}-\u{e007f}]/gu;

function byId(id) {
  return document.getElementById(id);
}

function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (name === "text") made.textContent = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function drawing(tag, attributes = {}, text = null) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  if (text !== null) made.textContent = text;
  return made;
}

// What shows nothing, or turns the characters around it round, is spelt out.
function visible(text) {
  return text.replaceAll("\r\n", "\n").replace(INVISIBLE, (character) =>
    `⟨U+${character.codePointAt(0).toString(16).toUpperCase().padStart(4, "0")}⟩`);
}

const blocks = new Map();
const waiting = [];

// The page's blocks follow its script: a large page is used while its end is still being read.
function isWhole() {
  return document.readyState !== "loading";
}

function whenWhole(action) {
  if (isWhole()) action();
  else waiting.push(action);
}

function block(name) {
  if (blocks.has(name)) return blocks.get(name);
  const found = byId(name);
  if (!found || found.type !== "application/json") return null;
  const content = JSON.parse(found.textContent);
  if (blocks.size >= MOST_BLOCKS) blocks.delete(blocks.keys().next().value);
  blocks.set(name, content);
  return content;
}

function count(number, noun) {
  return `${number.toLocaleString("en")} ${noun}${number === 1 ? "" : "s"}`;
}

function percent(share) {
  return `${(Math.floor(share * 1000 + 0.5) / 10).toFixed(1)} %`; // as the figures above are rounded
}

function usd(amount) {
  return amount ? `$${amount.toFixed(4)}` : "$0";
}

function costText(cost, unpriced, samples) {
  if (samples > 0 && unpriced === samples) return "–";
  return (unpriced ? "≥ " : "") + usd(cost);
}

function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
  return `${Math.floor(seconds / 3600)} h ${Math.round((seconds % 3600) / 60)} min`;
}
