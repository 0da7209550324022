"use strict";
const D = JSON.parse(document.getElementById("data").textContent);
const make = (tag, attributes = {}, ...children) => {
  const svg = ["svg", "g", "rect", "line", "text", "path", "circle", "title"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) node.setAttribute(key, value);
  }
  node.append(...children.filter((c) => c !== null));
  return node;
};
const panel = document.getElementById("panel");
const state = { tab: "IR", pass: 0, diff: true, pinned: -1, filter: "" };

// ---- places: what comes from one line of the source is lit together ----

function mark(place, name) {
  for (const node of document.querySelectorAll("." + name)) node.classList.remove(name);
  if (place >= 0) for (const node of document.querySelectorAll(`[data-at="${place}"]`)) node.classList.add(name);
}
function light(place) { mark(place, "lit"); }
function pin(place, follow) {
  state.pinned = state.pinned === place ? -1 : place;
  mark(state.pinned, "pinned");
  if (state.pinned < 0) return;
  const node = document.querySelector(`${follow} [data-at="${place}"]`);
  if (node) node.scrollIntoView({ block: "center", behavior: "smooth" });
}
function row(text, place, kind, number, follow) {
  const at = place >= 0 ? place : null;
  const node = make("div", { class: [kind, at === null ? "" : "has", at === state.pinned ? "pinned" : ""].join(" ").trim(),
    "data-at": at });
  if (number !== null) node.append(make("i", {}, String(number)));
  node.append(text || " ");
  if (at !== null) {
    node.addEventListener("mouseenter", () => light(at));
    node.addEventListener("mouseleave", () => light(-1));
    node.addEventListener("click", () => pin(at, follow));
  }
  return node;
}

// ---- the source ----

function source() {
  const numbers = new Map(D.places.map(([path, line], n) => [`${path}:${line}`, n]));
  for (const file of D.sources) {
    const code = make("div", { class: "code" });
    file.lines.forEach((text, n) => {
      const place = numbers.get(`${file.path}:${file.first + n}`);
      code.append(row(text, place === undefined ? -1 : place, "", file.first + n, "#panel"));
    });
    document.getElementById("source").append(make("h2", {}, file.name), code);
  }
}

// ---- IR, pass by pass ----

const shown = D.passes.map((p, n) => n).filter((n) => n === 0 || D.passes[n].edits.length);
function textsOf(n) {
  while (n > 0 && !D.passes[n].lines.length) n -= 1;
  return D.passes[n].lines;
}
function before(n) {
  let last = n - 1;
  while (last > 0 && !D.passes[last].edits.length) last -= 1;
  return last >= 0 && D.passes[last].lines.length ? D.passes[last].lines : null;
}
function ir() {
  const done = D.passes[shown[state.pass]];
  const lines = textsOf(shown[state.pass]), old = before(shown[state.pass]);
  const slider = make("input", { type: "range", min: 0, max: shown.length - 1, value: state.pass, "aria-label": "pass",
    oninput: (e) => { state.pass = Number(e.target.value); draw(); document.querySelector("#panel input").focus(); } });
  const title = done.number ? `${done.number}. ${done.name}` : "as lowered";
  const box = make("label", {}, make("input", { type: "checkbox", ...(state.diff ? { checked: "" } : {}),
    onchange: (e) => { state.diff = e.target.checked; draw(); } }), " what it changed");
  panel.append(make("div", { class: "tools" }, make("b", { id: "pass" }, title), slider, box,
    make("span", { class: "note" }, done.number ? `−${done.gone} +${done.come} lines, ${done.ms} ms` : "")));
  if (!done.lines.length) panel.append(make("p", { class: "note" }, "This text was left out to keep the report small."));
  const code = make("div", { class: "code", id: "ir" });
  const put = (pair, kind, number) => code.append(row(D.texts[pair[0]], pair[1], kind, number, "#source"));
  let at = 0;
  if (state.diff && old && done.lines.length) {
    for (const [i1, i2, j1, j2] of done.edits) {
      for (; at < j1; at++) put(lines[at], "", at + 1);
      for (let i = i1; i < i2; i++) put(old[i], "gone", "");
      for (; at < j2; at++) put(lines[at], "come", at + 1);
    }
  }
  for (; at < lines.length; at++) put(lines[at], "", at + 1);
  panel.append(code);
  const first = code.querySelector(".come, .gone");
  panel.scrollTop = first ? Math.max(0, first.offsetTop - 120) : 0;
}
function assembly() {
  const code = make("div", { class: "code", id: "asm" });
  D.asm.forEach(([text, place]) => code.append(row(D.texts[text], place, "", place >= 0 ? D.places[place][1] : "", "#source")));
  panel.append(make("p", { class: "note" }, `For ${D.target}. The numbers are the lines of the source that instructions come from; ` +
    "LLVM may put what several lines made under one of them."), code);
  if (!D.asm.length) panel.append(make("p", { class: "note" }, "It was left out to keep the report small."));
}

// ---- tables ----

function passes() {
  const most = Math.max(...D.passes.map((p) => p.ms));
  const body = D.passes.slice(1).map((p, n) => make("tr", { class: "go", onclick: () => {
    const at = shown.indexOf(n + 1);
    if (at >= 0) { state.pass = at; select("IR"); }
  } }, make("td", { class: "number" }, String(p.number)), make("td", {}, p.name),
    make("td", { class: "number" }, p.ms.toFixed(3)),
    make("td", {}, make("span", { class: "bar", style: `width:${Math.max(1, 160 * p.ms / most)}px` })),
    make("td", {}, p.edits.length ? `−${p.gone} +${p.come}` : ""), make("td", { class: "number" }, p.said || "")));
  const head = ["", "pass", "ms", "", "lines", "remarks"].map((t) => make("th", {}, t));
  const phases = D.timing.map((times) => make("p", { class: "note" },
    "Compiled: " + Object.entries(times).map(([what, ms]) => `${what} ${ms.toFixed(1)} ms`).join(", ")));
  panel.append(...phases, make("table", {}, make("tr", {}, ...head), ...body));
}
function remarks() {
  const input = make("input", { type: "search", placeholder: "filter", value: state.filter,
    oninput: (e) => { state.filter = e.target.value; fill(); } });
  const table = make("table");
  const fill = () => {
    const found = D.remarks.filter((r) => `${r.pass} ${r.op} ${r.reason}`.toLowerCase().includes(state.filter.toLowerCase()));
    table.replaceChildren(...found.map((r) => make("tr", { class: r.at >= 0 ? "go" : "", "data-at": r.at >= 0 ? r.at : null,
      onmouseenter: () => light(r.at), onmouseleave: () => light(-1), onclick: () => r.at >= 0 && pin(r.at, "#source") },
      make("td", {}, r.pass), make("td", { class: r.done ? "yes" : "no" }, r.done ? "yes" : "no"),
      make("td", {}, r.at >= 0 ? `line ${D.places[r.at][1]}` : ""),
      make("td", {}, r.reason, r.hint ? make("div", { class: "note" }, `hint: ${r.hint}`) : null))));
  };
  fill();
  panel.append(make("div", { class: "tools" }, input), table);
}

// ---- pictures ----

function memory() {
  const M = D.memory, height = 26, left = 210, width = 760;
  panel.append(make("p", {}, M.line));
  if (M.buffers.length) {
    const last = Math.max(1, ...M.buffers.map((b) => b.last)), x = (at) => left + (width - left - 20) * at / last;
    const svg = make("svg", { viewBox: `0 0 ${width} ${M.buffers.length * height + 12}`, width,
      role: "img", "aria-label": "buffers over time" });
    M.buffers.forEach((b, n) => {
      const y = 8 + n * height, size = M.places[b.place];
      svg.append(make("text", { x: 12, y: y + 15 }, b.name.length > 28 ? b.name.slice(0, 27) + "…" : b.name),
        make("rect", { class: b.in_step ? "step" : "buffer", x: x(b.first), y, rx: 3, height: height - 6,
          width: Math.max(8, x(b.last) - x(b.first)) },
          make("title", {}, `${b.name}: ${size[0]} bytes, place ${b.place}, ${b.at}`)),
        make("text", x(b.first) < width - 200 ? { x: x(b.first) + 6, y: y + 15 } :
          { x: x(b.first) - 6, y: y + 15, "text-anchor": "end" },
          `${size[1] === null ? size[0] + " B" : size[1].toLocaleString("en") + " B"}, place ${b.place}`));
    });
    panel.append(svg, make("p", { class: "note" }, "Moments of the program go from left to right; what is lilac lives so in " +
      "each step of a loop. Buffers of one place share a part of the workspace."));
  } else panel.append(make("p", { class: "note" }, "No temporaries."));
  const rows = (kind, list) => list.map(([name, text, n]) => make("tr", {}, make("td", {}, kind), make("td", {}, name),
    make("td", {}, `${text} B`), make("td", { class: "number" }, n === null ? "" : n.toLocaleString("en"))));
  panel.append(make("h2", {}, "Inputs and outputs"), make("table", {}, ...rows("input", M.inputs), ...rows("output", M.outputs)));
}
function hanging(line) { // what does not fit goes on under the text, not under its title
  const indent = line.match(/^ *(\S+ {2,}|did not +)?/)[0].length;
  return make("div", { style: `padding-left:${indent}ch;text-indent:-${indent}ch` }, line || " ");
}
function scans() {
  panel.append(...D.cards.split(/\n\n/).map((text) => make("pre", { class: "card" }, ...text.trimEnd().split("\n").map(hanging))));
}
function roofline() {
  panel.append(make("pre", { class: "card" }, D.cost.trimEnd()));
  const R = D.roofline;
  if (!R) {
    panel.append(make("p", { class: "note" }, "Give arguments of a call to see its place under the roofline: f.report(path, x, h0), " +
      "or scancc report FILE.py:NAME ARGS."));
    return;
  }
  const width = 720, height = 380, box = { l: 80, r: 20, t: 20, b: 50 };
  const ridge = R.peak / R.bandwidth;
  const xs = [Math.log10(Math.min(R.intensity, ridge)) - 1, Math.log10(Math.max(R.intensity, ridge)) + 1];
  const ys = [Math.log10(Math.min(R.flops, R.peak)) - 1, Math.log10(Math.max(R.flops, R.peak)) + 0.5];
  const x = (v) => box.l + (Math.log10(v) - xs[0]) / (xs[1] - xs[0]) * (width - box.l - box.r);
  const y = (v) => height - box.b - (Math.log10(v) - ys[0]) / (ys[1] - ys[0]) * (height - box.t - box.b);
  const giga = (v) => String(Number((v / 1e9).toPrecision(3)));
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, role: "img", "aria-label": "roofline" });
  for (let e = Math.ceil(xs[0]); e <= xs[1]; e++) svg.append(make("line", { x1: x(10 ** e), x2: x(10 ** e), y1: box.t, y2: height - box.b }),
    make("text", { class: "soft", x: x(10 ** e), y: height - 30, "text-anchor": "middle" }, String(10 ** e)));
  for (let e = Math.ceil(ys[0]); e <= ys[1]; e++) svg.append(make("line", { x1: box.l, x2: width - box.r, y1: y(10 ** e), y2: y(10 ** e) }),
    make("text", { class: "soft", x: box.l - 8, y: y(10 ** e) + 4, "text-anchor": "end" }, giga(10 ** e)));
  const low = Math.max(10 ** xs[0], 10 ** ys[0] / R.bandwidth), limit = Math.min(R.peak, R.intensity * R.bandwidth);
  svg.append(make("path", { class: "roof", d: `M${x(low)},${y(low * R.bandwidth)} L${x(ridge)},${y(R.peak)} L${width - box.r},${y(R.peak)}` }),
    make("circle", { cx: x(R.intensity), cy: y(R.flops), r: 6 }),
    make("text", { x: Math.min(x(R.intensity) + 10, width - 200), y: y(R.flops) + 18 }, `${giga(R.flops)} Gflop/s, ${(100 * R.flops / limit).toFixed(0)} % of the roof`),
    make("text", { class: "soft", x: (box.l + width) / 2, y: height - 10, "text-anchor": "middle" }, "flops a byte moved"),
    make("text", { class: "soft", x: box.l + 6, y: box.t + 12 }, "Gflop/s"));
  panel.append(svg, make("p", { class: "note" }, `One call took ${(1e6 * R.time).toPrecision(3)} µs. The roofs are those of one core here: ` +
    `${giga(R.bandwidth)} GB/s for a copy by NumPy, ${giga(R.peak)} Gflop/s for a product of matrices by scancc. An elementary function counts as 20 flops. ` +
    "A chain of steps that wait for each other cannot reach the roof: the scan's card says what limits it."));
}

// ---- tabs ----

const tabs = { IR: ir, Assembly: assembly, Passes: passes, Remarks: remarks, Memory: memory, Scans: scans, Roofline: roofline };
function select(tab) { state.tab = tab; location.hash = tab; draw(); }
function draw() {
  for (const button of document.querySelectorAll("nav button")) button.setAttribute("aria-selected", button.textContent === state.tab);
  panel.replaceChildren();
  panel.scrollTop = 0;
  tabs[state.tab]();
}
document.title = `${D.name} – scancc report`;
document.querySelector("h1").textContent = D.name;
document.getElementById("about").textContent = `${D.target} · ${D.passes.length - 1} passes, of which ${shown.length - 1} changed the IR` +
  (D.dropped ? ` · ${D.dropped} texts left out to keep the report small` : "");
for (const name of Object.keys(tabs)) document.querySelector("nav").append(make("button", { role: "tab", onclick: () => select(name) }, name));
const wanted = decodeURIComponent(location.hash.slice(1));
if (wanted in tabs) state.tab = wanted;
state.pass = Math.max(0, shown.findIndex((n) => D.passes[n].name.startsWith("bufferize")) - 1);
source();
draw();
document.body.dataset.ready = "yes";
