// Python in colour: one pass of one expression; what it does not know stays plain.
const PYTHON = /(#[^\n]*)|((?:\b[rbfuRBFU]{1,2})?(?:"""[\s\S]*?(?:"""|$)|'''[\s\S]*?(?:'''|$)|"(?:\\.|[^"\\\n])*"?|'(?:\\.|[^'\\\n])*'?))|\b(def|class)(\s+)(\w+)|\b(and|as|assert|async|await|break|case|continue|del|elif|else|except|finally|for|from|global|if|import|in|is|lambda|match|nonlocal|not|or|pass|raise|return|try|while|with|yield|None|True|False)\b|\b(\d[\w.]*)/g;

function highlighted(source) {
  const pieces = [];
  let end = 0;
  const coloured = (kind, text) => pieces.push(element("span", { class: kind, text }));
  for (const found of source.matchAll(PYTHON)) {
    pieces.push(source.slice(end, found.index));
    end = found.index + found[0].length;
    if (found[1]) coloured("c", found[1]);
    else if (found[2]) coloured("s", found[2]);
    else if (found[3]) {
      coloured("k", found[3]);
      pieces.push(found[4]);
      coloured("d", found[5]);
    } else if (found[6]) coloured("k", found[6]);
    else coloured("n", found[7]);
  }
  return [...pieces, source.slice(end)];
}

function copyButton(text) {
  return element("button", {
    type: "button", text: "copy", onclick: async (event) => {
      const button = event.currentTarget;
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "copied";
      } catch {
        button.textContent = "not allowed";
      }
    },
  });
}

// A titled text, in portions: a long one must not stop the page.
function textBlock(title, text, kind) {
  const pre = element("pre", { class: kind, dir: kind === "prose" ? "auto" : "ltr", tabindex: 0 });
  const shown = element("div", {}, element("div", { class: "text-head" },
    element("h3", { text: title }), copyButton(text)), pre);
  let place = 0;
  const more = element("button", { type: "button", onclick: add });
  function add() {
    const portion = visible(text.slice(place, place + SHOWN_AT_ONCE));
    pre.append(...(kind === "program" ? highlighted(portion) : [portion]));
    place += SHOWN_AT_ONCE;
    more.hidden = place >= text.length;
    more.textContent = `show more (${count(Math.max(0, text.length - place), "character")} left)`;
  }
  add();
  shown.append(more);
  return shown;
}
