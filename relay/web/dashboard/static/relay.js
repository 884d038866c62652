// What the pages gain with script: live rows, copying, questions before a change, keys.
// Everything here is an addition: each page works without it.
"use strict";

const PAUSE = 2000;
const SLOW = 10000;
const find = (what, within = document) => within.querySelector(what);
const all = (what, within = document) => [...within.querySelectorAll(what)];

// --- copying -------------------------------------------------------------------------------------

for (const button of all("[data-copy]")) {
  button.hidden = false;
}

document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button) return;
  try {
    await navigator.clipboard.writeText(button.dataset.copy);
    say("Copied");
  } catch {
    say("The browser did not let it be copied: mark the text instead");
  }
});

function say(text) {
  const toast = find("#toast");
  if (!toast) return;
  toast.textContent = text;
  toast.hidden = false;
  setTimeout(() => { toast.hidden = true; }, 3000);
}

// --- a question before a change ------------------------------------------------------------------

function ask(text, onYes) {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-label", "Are you sure?");
  const words = document.createElement("p");
  words.textContent = text;
  const foot = document.createElement("footer");
  const no = make("button", "button quiet", "Cancel");
  const yes = make("button", "button primary", "Go on");
  foot.append(no, yes);
  dialog.append(words, foot);
  no.addEventListener("click", () => dialog.close());
  yes.addEventListener("click", () => { dialog.close(); onYes(); });
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
  yes.focus();
}

function make(tag, name, text) {
  const made = document.createElement(tag);
  made.className = name;
  made.textContent = text;
  return made;
}

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-ask]");
  if (!button || !button.form) return;
  event.preventDefault();
  ask(button.dataset.ask, () => {
    const asked = button.dataset.ask;
    delete button.dataset.ask; // submits as if it had been pressed, its own value included
    button.form.requestSubmit(button);
    button.dataset.ask = asked;
  });
});

// --- live ----------------------------------------------------------------------------------------

const list = find("[data-list]");
const part = find("[data-refresh]");
const live = find("[data-live]");
let isLive = true;
let waiting = 0;

if (live) {
  live.hidden = false;
  live.addEventListener("click", () => {
    isLive = !isLive;
    live.setAttribute("aria-checked", String(isLive));
    live.textContent = isLive ? "Live" : "Live is off";
  });
}

// Reading and pointing must not be disturbed: rows stand still under a pointer or the focus.
const isBusy = (node) => node.matches(":hover") || node.contains(document.activeElement);
const isAtTop = () => window.scrollY < 40 && !new URL(location).searchParams.has("before");

async function tail() {
  const address = new URL(location);
  for (const name of ["before", "open", "tab"]) address.searchParams.delete(name);
  address.searchParams.set("after", list.dataset.newest);
  const answer = await fetch(address, { headers: { Accept: "application/json" } });
  if (!answer.ok) return;
  const { rows } = await answer.json();
  if (!rows.length) return;
  if (list.dataset.reload !== undefined) { location.reload(); return; }
  const body = find("tbody", list);
  const fresh = document.createElement("template");
  fresh.innerHTML = `<table><tbody>${rows.join("")}</tbody></table>`;
  const made = all("tr", fresh.content);
  list.dataset.newest = made[0].dataset.id;
  if (isAtTop() && !isBusy(list)) {
    body.prepend(...made);
    find("[data-told]").textContent = made.length === 1 ? "1 new row" : `${made.length} new rows`;
  } else {
    waiting += made.length;
    const button = find("[data-newer]");
    button.hidden = false;
    button.textContent = `${waiting} newer`;
  }
}

async function refresh() {
  if (isBusy(part) || window.getSelection().toString()) return;
  const answer = await fetch(location, { headers: { Accept: "text/html" } });
  if (!answer.ok || answer.redirected) return;
  const text = await answer.text();
  const found = new DOMParser().parseFromString(text, "text/html").getElementById(part.id);
  if (!found) { location.reload(); return; }
  const fresh = document.importNode(found, true);
  if (fresh.innerHTML !== part.dataset.was) {
    part.dataset.was = fresh.innerHTML;
    part.replaceChildren(...fresh.childNodes);
    for (const button of all("[data-copy]", part)) button.hidden = false;
  }
}

async function look() {
  const began = performance.now();
  if (isLive && document.visibilityState === "visible") {
    try {
      if (list) await tail();
      if (part) await refresh();
    } catch { /* the network is away; it is asked again */ }
  }
  setTimeout(look, performance.now() - began > 1000 ? SLOW : PAUSE);
}

if (list || part) setTimeout(look, PAUSE);
const newer = find("[data-newer]");
if (newer) {
  newer.addEventListener("click", () => {
    const address = new URL(location);
    for (const name of ["before", "open", "tab"]) address.searchParams.delete(name);
    location.assign(address);
  });
}

// --- rows that are ticked ------------------------------------------------------------------------

const picked = find("[data-picked]");
let last = null;

function tick(box, range) {
  const boxes = all(".pick input");
  const [from, to] = [boxes.indexOf(last ?? box), boxes.indexOf(box)];
  if (range && from >= 0) {
    for (const one of boxes.slice(Math.min(from, to), Math.max(from, to) + 1)) one.checked = box.checked;
  }
  last = box;
  told();
}

function told() {
  const number = all(".pick input:checked").length;
  find("[data-count]", picked).textContent = find("[data-all]", picked).checked ? "All that match:"
    : number ? `${number} ticked:` : "Tick rows, with x or a click:";
}

if (picked) {
  told();
  document.addEventListener("click", (event) => {
    if (event.target.matches(".pick input")) tick(event.target, event.shiftKey);
    if (event.target.matches("[data-all]")) told();
  });
}

function tickRow(range) {
  const box = find(".pick input", document.activeElement?.closest("tr") ?? document.createElement("tr"));
  if (!box) return;
  box.checked = range || !box.checked;
  tick(box, range);
}

// --- the open cell ---------------------------------------------------------------------------------

const popover = find("[data-popover]");
if (popover) {
  const first = find(":checked", popover) || find("input, select", popover);
  if (first) first.focus();
}

// --- keys ------------------------------------------------------------------------------------------

const GO = { o: "/", e: "/events", r: "/runs", u: "/rules", s: "/sources", d: "/dead", l: "/lists" };
const KEYS = [
  ["/", "search"], ["j  k", "next and previous row"], ["Enter", "open the row"],
  ["Esc", "close the detail or the cell"], [".", "live on and off"], ["f", "filters"],
  ["x", "tick the row; with Shift all from the last one"], ["c", "copy as curl"], ["r", "try again"], ["g, then o e r u s d l", "overview, events, runs, rules, sources, dead letters, lists"],
  ["?", "this list"],
];
let going = false;

function move(step) {
  const hits = all(".hit");
  const at = hits.indexOf(document.activeElement);
  const next = hits[Math.min(Math.max(at + step, 0), hits.length - 1)];
  if (next) next.focus();
}

function showKeys() {
  const dialog = document.createElement("dialog");
  dialog.className = "dialog";
  dialog.setAttribute("aria-label", "Keys");
  const facts = make("dl", "facts", "");
  for (const [key, does] of KEYS) facts.append(make("dt", "", key), make("dd", "", does));
  dialog.append(make("h2", "", "Keys"), facts);
  dialog.addEventListener("close", () => dialog.remove());
  document.body.append(dialog);
  dialog.showModal();
}

function close() {
  const link = find("[data-close]");
  if (link) link.click();
}

const DOES = {
  "/": () => find("#q")?.focus(),
  j: () => move(1),
  ArrowDown: () => move(1),
  k: () => move(-1),
  ArrowUp: () => move(-1),
  ".": () => live?.click(),
  f: () => find(".filters select, .filters input")?.focus(),
  c: () => all("[data-copy]").find((one) => one.textContent.includes("curl"))?.click(),
  r: () => find("[data-replay]")?.click(),
  x: () => tickRow(false),
  X: () => tickRow(true),
  g: () => { going = true; setTimeout(() => { going = false; }, 2000); },
  "?": showKeys,
};

document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !find("dialog[open]")) { close(); return; }
  const inField = event.target.closest("input, select, textarea, [contenteditable], dialog[open]");
  if (inField || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.body.dataset.keys === "off") return;
  if (going && GO[event.key]) { location.assign(GO[event.key]); return; }
  const does = DOES[event.key];
  if (!does) return;
  if (event.key.startsWith("Arrow") && !document.activeElement?.matches(".hit")) return;
  event.preventDefault();
  does();
});
