// The editor: what is typed becomes edits, what is saved is drawn, what is wrong stands beside its field.

import * as adders from "./studio_adders.js";
import * as chips from "./studio_chips.js";
import * as colors from "./studio_colors.js";
import * as lists from "./studio_lists.js";
import * as pictures from "./studio_pictures.js";
import * as preview from "./studio_preview.js";
import { Saver } from "./studio_saver.js";

const TYPING = 350; // ms after a letter before it is saved
const editor = document.getElementById("editor");
const settings = JSON.parse(editor.dataset.settings);
const words = JSON.parse(editor.dataset.words);
const url = `/studio/templates/${settings.key}`;
const form = document.getElementById("form");
const stage = document.getElementById("stage");
const faces = document.getElementById("faces");
const $ = (id) => document.getElementById(id);

let names = {};
let language = $("view-language").value;
let seeing = null; // the request of the preview under way
let seenNumber = 0;
let problems = [];

const inner = () => form.querySelector(".form-inner");
const say = (text) => { $("save-state").textContent = text; };
const filled = (sentence, values) => sentence.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);

// ---- Saving

const saver = settings.edits && new Saver({
  url,
  brand: settings.brand,
  number: Number(inner().dataset.number),
  events: {
    state: (name) => say(words[name] ?? ""),
    answered: async (answer, { reload }) => {
      const time = new Date().toLocaleTimeString(document.documentElement.lang, { hour: "2-digit", minute: "2-digit" });
      if (!saver.queue.length) say(filled(words.saved_at, { time }));
      take(answer);
      if (answer.others?.length) tellOthers(answer.others);
      if (answer.whose) tell(filled(words.whose, { who: answer.whose }));
      if (reload) await redraw();
      see();
    },
    overlapped: (overlap, edits) => ask(overlap, edits),
    refused: (rows) => {
      const sentence = rows.map((row) => [row.sentence, row.fix].filter(Boolean).join(" ")).join(" ");
      say(filled(words.refused, { sentence }));
      mark([...problems, ...rows.map((row) => ({ severity: "error", fix_edits: [], ...row }))]);
    },
    forgotten: async () => {
      await redraw();
      see();
    },
  },
});

function take(answer) {
  $("undo").disabled = !answer.can_undo;
  $("redo").disabled = !answer.can_redo;
  $("has-changes").hidden = answer.is_published || !settings.published;
  mark(answer.problems ?? []);
}

function tellOthers(others) {
  const who = [...new Set(others.map((one) => one.author).filter(Boolean))].join(", ");
  if (who) tell(filled(words.others, { who }));
}

function tell(sentence) {
  const note = $("other-editor");
  note.replaceChildren(sentence);
  note.className = "note info";
  note.hidden = false;
  setTimeout(() => { note.hidden = true; }, 12000);
}

// Somebody else was at the same place: say who, show theirs, and let the person choose.
function ask(overlap) {
  const note = $("other-editor");
  const theirs = Object.values(overlap.theirs).map((value) => (value === null ? words.nothing : typeof value === "string" ? value : words.removed));
  const line = document.createElement("div");
  line.className = "stack tight";
  line.append(paragraph(filled(words.overlap, { who: overlap.who || "—" })));
  if (theirs.length === 1) line.append(paragraph(filled(words.overlap_theirs, { value: plain(theirs[0]) })));
  const row = document.createElement("div");
  row.className = "row";
  for (const [text, mine] of [[words.take_theirs, false], [words.keep_mine, true]]) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button small";
    button.textContent = text;
    button.addEventListener("click", () => {
      note.hidden = true;
      saver.settle(overlap.number, mine);
    });
    row.append(button);
  }
  line.append(row);
  note.className = "note warn";
  note.replaceChildren(line);
  note.hidden = false;
  row.firstChild.focus();
}

function plain(text) {
  return text.replace(/\{\{\s*(.*?)\s*\}\}/g, (whole, code) => `‹${names[code] ?? words.chip_formula}›`);
}

function paragraph(text) {
  const made = document.createElement("p");
  made.textContent = text;
  return made;
}

// ---- The form, drawn anew where its shape has changed; whoever is typing stays where they are.

async function redraw(open = null) {
  const place = remembered();
  const response = await fetch(`${url}/form?language=${encodeURIComponent(language)}`);
  if (!response.ok) return;
  const fresh = document.createElement("template");
  fresh.innerHTML = await response.text();
  form.replaceChildren(fresh.content);
  if (saver && !saver.busy) saver.number = Math.max(saver.number, Number(inner().dataset.number));
  for (const key of [...place.open, open]) {
    const one = key && form.querySelector(`details[data-open="${CSS.escape(key)}"]`);
    if (one) one.open = true;
  }
  dress();
  const target = open ? form.querySelector(`details[data-open="${CSS.escape(open)}"]`) : null;
  if (target) {
    target.scrollIntoView({ block: "nearest" });
    target.querySelector(".chip-input, input, select")?.focus();
  } else place.restore();
}

function remembered() {
  const open = [...form.querySelectorAll("details[open][data-open]")].map((one) => one.dataset.open);
  const active = document.activeElement;
  const item = active?.closest?.(".item");
  const key = item && (item.dataset.key ? `[data-key="${CSS.escape(item.dataset.key)}"]` : `[data-name="${CSS.escape(item.dataset.name)}"]`);
  const grip = active?.matches?.("[data-grip]");
  const id = active?.id;
  const text = active?.matches?.(".chip-input") && caret(active);
  return {
    open,
    restore: () => {
      const found = grip && key ? form.querySelector(`.item${key} [data-grip]`) : id ? document.getElementById(id) : null;
      if (!found || found === document.activeElement || !form.contains(found)) return;
      found.focus({ preventScroll: true });
      if (text !== false && text !== undefined) putCaret(found, text);
    },
  };
}

function caret(box) {
  const selection = document.getSelection();
  if (!selection.rangeCount) return null;
  const range = selection.getRangeAt(0).cloneRange();
  range.setStart(box, 0);
  return range.toString().length;
}

function putCaret(box, length) {
  const walker = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
  let left = length ?? 0;
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (left <= node.length) {
      const inChip = node.parentElement.closest(".chip");
      const range = document.createRange();
      if (inChip) range.setStartAfter(inChip);
      else range.setStart(node, left);
      range.collapse(true);
      document.getSelection().removeAllRanges();
      document.getSelection().addRange(range);
      return;
    }
    left -= node.length;
  }
}

// What HTML cannot say: colours, crops, the open tab, problems, expert's lines.
function dress() {
  names = JSON.parse(inner().dataset.names);
  colors.judge(form, words, recolored);
  pictures.show(form);
  tab(document.querySelector('[role="tab"][aria-selected="true"]').dataset.tab);
  mark(problems);
}

function state() {
  const data = inner().dataset;
  const variables = JSON.parse(data.variables);
  const optional = Object.fromEntries(Object.keys(variables).filter((name) => form.querySelector(`[data-path="/variables/${name}/optional"]:checked`)).map((name) => [name, true]));
  return { names, keys: JSON.parse(data.keys), variables, optional };
}

// ---- Edits out of inputs

const KINDS = {
  text: (text) => text,
  phone: (text) => text,
  email: (text) => text,
  url: (text) => text,
  date: (text) => text,
  integer: (text) => (/^-?\d+$/.test(text.trim()) ? Number(text) : undefined),
  decimal: (text) => (/^-?\d+([.,]\d+)?$/.test(text.trim()) ? Number(text.replace(",", ".")) : undefined),
  money: (text) => (/^-?\d+([.,]\d{1,2})?$/.test(text.replace(/[\s\u00a0]/g, "")) ? Number(text.replace(/[\s\u00a0]/g, "").replace(",", ".")).toFixed(2) : undefined),
  boolean: (text) => text === "true",
  datetime: (text) => (/^\d{4}-\d\d-\d\dT\d\d:\d\d/.test(text) ? `${text.slice(0, 16)}:00${offset(text)}` : undefined),
  color: (text) => text,
  list: (text) => text.split(",").map((part) => part.trim()).filter(Boolean),
  lonelist: (text) => [text],
};

// The brand's own zone at that moment, as ISO 8601 writes it.
function offset(text) {
  const at = new Date(`${text.slice(0, 16)}:00Z`);
  const parts = new Intl.DateTimeFormat("en", { timeZone: settings.zone, timeZoneName: "longOffset" }).formatToParts(at);
  const zone = parts.find((part) => part.type === "timeZoneName").value.replace("GMT", "");
  return zone || "+00:00";
}

function edit(input) {
  const { path, op, empty } = input.dataset;
  if (input.classList.contains("chip-input")) return textEdit(input, chips.textOf(input));
  if (input.dataset.kind === "switch") {
    if (!input.checked) return { op: "remove", path };
    return { op: "set", path, value: JSON.parse(/^[[{"]|^(true|false)$/.test(input.dataset.on) ? input.dataset.on : JSON.stringify(input.dataset.on)) };
  }
  const text = input.value;
  if (text === "" && empty !== "set") {
    if (empty === "keep") return null;
    return empty === "blank" ? { op: "set", path, value: "" } : { op: "remove", path };
  }
  const value = (KINDS[input.dataset.kind] ?? KINDS.text)(text);
  input.setAttribute("aria-invalid", String(value === undefined));
  return value === undefined ? null : { op: op ?? "set", path, value };
}

function textEdit(box, text) {
  const { path, op, source, empty } = box.dataset;
  if (op === "translate") return { op: "translate", language, source, translation: text === "" && empty === "remove" ? null : text };
  if (text === "" && empty === "keep") return null;
  return text === "" && empty === "remove" ? { op: "remove", path } : { op: "set", path, value: text };
}

function typed(input, { wait = 0 } = {}) {
  const made = edit(input);
  if (made) saver.put([made], { wait, reload: input.hasAttribute("data-reload") });
}

function recolored(input) {
  const hex = form.querySelector(`[data-hex="${input.id}"]`);
  if (hex) hex.value = input.value;
  paint(input);
  colors.judge(form, words, recolored);
  typed(input, { wait: TYPING });
}

// A colour is on the card before it is saved.
function paint(input) {
  if (input.dataset.path !== `/colors/${input.dataset.paints}`) return;
  for (const card of stage.querySelectorAll('[data-face="apple"] .wallet-card')) card.style.setProperty(`--${input.dataset.paints}`, input.value);
}

function condition(box) {
  const part = (name) => box.querySelector(`[data-part="${name}"]`);
  const kind = part("kind").value;
  part("name").hidden = kind === "always";
  part("operator").hidden = part("value").hidden = kind !== "compared";
  const path = box.dataset.when;
  const name = part("name").value;
  if (kind === "always") return { op: "remove", path };
  if (kind === "filled") return { op: "set", path, value: `{{ ${name} }}` };
  const type = state().variables[name]?.type;
  const value = part("value").value.replace(/['"{}\\]/g, "");
  const isNumber = ["integer", "decimal", "money"].includes(type) && /^-?\d+(\.\d+)?$/.test(value);
  return { op: "set", path, value: `{{ ${name} ${part("operator").value} ${isNumber ? value : `'${value}'`} }}` };
}

function listen() {
  form.addEventListener("input", (event) => {
    const input = event.target;
    if (input.matches('input[type="color"]')) recolored(input);
    else if (input.dataset.hex) {
      const hex = colors.normal(input.value);
      input.setAttribute("aria-invalid", String(!hex));
      if (!hex) return;
      const picker = $(input.dataset.hex);
      picker.value = hex;
      recolored(picker);
      input.focus();
    } else if (input.dataset.part === "value") saver.put([condition(input.closest("[data-when]"))], { wait: TYPING });
    else if (input.matches("input[data-path]:not([type=checkbox])")) typed(input, { wait: TYPING });
  });
  form.addEventListener("change", (event) => {
    const input = event.target;
    if (input.dataset.part && input.dataset.part !== "value") saver.put([condition(input.closest("[data-when]"))]);
    else if (input.matches("select[data-path], input[type=checkbox][data-path]")) typed(input);
    else if (input.dataset.path) saver.flush();
  });
  form.addEventListener("focusin", (event) => {
    const item = event.target.closest(".item[data-key]");
    if (item) preview.ring(stage, item.dataset.key);
  });
  form.addEventListener("click", (event) => {
    const button = event.target.closest("[data-edits]");
    if (button && (!button.dataset.confirm || button.dataset.confirmed === "yes")) put(JSON.parse(button.dataset.edits), button.dataset.then ?? null);
    const rename = event.target.closest("[data-rename]");
    if (rename) {
      const to = window.prompt(words.rename_ask, rename.dataset.rename);
      if (to && to !== rename.dataset.rename) put([{ op: "rename_variable", name: rename.dataset.rename, to: to.trim() }], `value-${to.trim()}`);
    }
  });
  form.addEventListener("submit", (event) => {
    if ("yaml" in event.target.dataset) {
      event.preventDefault();
      applyYaml(event.target);
    }
  });
  chips.watch(form, {
    offers: (kind) => (kind === "new" ? [["%@", words.chip_new], ...offered()] : offered()),
    typed: (box) => typed(box, { wait: TYPING }),
    words,
  });
  lists.watch(form, { move });
  adders.watch(form, { put, state, words, ask: async (what) => (await fetch(`/studio/${what}`, { headers: { Accept: "application/json" } })).json().catch(() => null) });
  pictures.watch(form, {
    upload,
    focus: (box, at) => put([{ op: "set", path: box.dataset.focusPath, value: at }]),
    words,
    say,
  });
}

function offered() {
  return JSON.parse(inner().dataset.offered).map(([code, name]) => [`{{ ${code} }}`, name]);
}

// Edits that change the form's shape: saved at once, the form anew, ``open`` is what it shows then.
async function put(edits, open = null, { upload: picture = null } = {}) {
  await saver.put(edits, { reload: !picture });
  if (picture) await upload(picture, picture.content);
  if (open) await redraw(open);
}

function upload({ slot, within, file }, content) {
  return saver.upload({ slot, within, file }, content);
}

async function move(item, list, target) {
  const from = item.parentElement;
  const source = Number(item.dataset.index);
  const path = from.dataset.list;
  const to = list === from ? null : list.dataset.list;
  const name = item.dataset.name;
  await saver.put([{ op: "move", path, source, target, to }], { reload: true });
  $("preview-state").textContent = to ? filled(words.moved_to, { name, zone: list.dataset.name }) : filled(words.moved, { name, place: target + 1, count: list.children.length });
}

async function applyYaml(box) {
  await saver.flush();
  const answer = await saver.ask("yaml", { base: saver.number, text: box.elements.yaml.value });
  const told = box.querySelector(".yaml-problems");
  if (answer?.refused) {
    const list = document.createElement("ul");
    for (const row of answer.refused) list.append(Object.assign(document.createElement("li"), { textContent: [row.pointer, row.sentence, row.fix].filter(Boolean).join(" · ") }));
    told.replaceChildren(words.yaml_refused, list);
  } else if (answer?.number) {
    saver.number = answer.number;
    take(answer);
    await redraw();
    form.querySelector(".yaml-problems").textContent = words.yaml_applied;
    see();
  }
}

// A zip becomes the draft, as one step.
async function replaceAll(input) {
  const file = input.files[0];
  input.value = "";
  if (!file) return;
  await saver.flush();
  say(words.saving);
  const asked = new URLSearchParams({ brand: settings.brand, base: saver.number });
  const response = await fetch(`${url}:replace?${asked}`, { method: "POST", body: file, headers: { Accept: "application/json", "Content-Type": "application/zip" } }).catch(() => null);
  const answer = await response?.json().catch(() => null);
  if (!answer?.number) {
    const rows = answer?.refused ?? [{ sentence: answer?.detail ?? words.unsaved }];
    say(filled(words.refused, { sentence: rows.map((row) => [row.sentence, row.fix].filter(Boolean).join(" ")).join(" ") }));
    return;
  }
  saver.number = answer.number;
  say(words.saved);
  take(answer);
  await redraw();
  see();
}

// ---- Problems beside their fields

function mark(found) {
  problems = found;
  if (!form) return;
  for (const box of form.querySelectorAll(".place-problems")) box.replaceChildren();
  const loose = $("form-problems");
  loose.replaceChildren();
  for (const problem of found) {
    if (problem.severity === "note") continue;
    (home(problem.pointer) ?? loose).append(line(problem));
  }
  for (const button of document.querySelectorAll("[data-tab]")) count(button);
}

// The nearest place of the form: the field itself, else what holds it.
function home(pointer) {
  for (let place = pointer; place; place = place.slice(0, place.lastIndexOf("/"))) {
    const box = form.querySelector(`[data-problems="${CSS.escape(place)}"]`);
    if (box) return box;
  }
  return null;
}

function line(problem) {
  const made = document.createElement("p");
  made.className = `problem is-${problem.severity}`;
  const text = document.createElement("span");
  text.textContent = [problem.sentence, problem.fix].filter(Boolean).join(" ");
  made.append(text);
  if (problem.fix_edits?.length && saver) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button small";
    button.textContent = words.fix;
    button.addEventListener("click", () => put(problem.fix_edits));
    made.append(button);
  }
  return made;
}

function count(button) {
  const number = document.querySelectorAll(`#panel-${button.dataset.tab} .problem`).length;
  const badge = button.querySelector("[data-count]");
  badge.hidden = number === 0;
  badge.textContent = number;
}

// ---- The preview

async function see() {
  seeing?.abort();
  seeing = new AbortController();
  const asked = new URLSearchParams({ language, data: $("view-data").value, state: $("view-state").value, have: preview.known() });
  if (saver) asked.set("number", saver.number);
  faces.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(`${url}/preview?${asked}`, { signal: seeing.signal });
    if (!response.ok) throw new Error(response.status);
    const fresh = preview.parse(await response.text());
    const root = fresh.querySelector(".faces");
    const built = root.dataset.built === "yes";
    if (Number(root.dataset.number) < seenNumber) return;
    seenNumber = Number(root.dataset.number);
    $("preview-state").textContent = built ? "" : words.broken;
    stage.classList.toggle("is-stale", !built);
    if (built || !faces.querySelector(".face")) faces.replaceChildren(fresh);
    preview.show(stage);
    const item = document.activeElement?.closest?.(".item[data-key]");
    if (item) preview.ring(stage, item.dataset.key);
    faces.setAttribute("aria-busy", "false");
  } catch (error) {
    if (error.name === "AbortError") return;
    $("preview-state").textContent = words.preview_failed;
    setTimeout(see, 3000);
  }
}

function watchCanvas() {
  press("[data-show]", (button) => { stage.dataset.face = button.dataset.show; document.querySelector("[data-sides]").hidden = button.dataset.show === "loss"; });
  press("[data-side]", (button) => { stage.dataset.side = button.dataset.side; }, ".segments [data-side]");
  press("[data-view-button]", (button) => { editor.dataset.view = button.dataset.viewButton; window.scrollTo(0, 0); });
  for (const id of ["view-data", "view-state"]) $(id).addEventListener("change", see);
  $("view-theme").addEventListener("change", () => { stage.dataset.themeShown = $("view-theme").value; });
  $("view-language").addEventListener("change", async () => {
    await saver?.flush();
    language = $("view-language").value;
    if (saver) await redraw();
    see();
  });
  stage.addEventListener("change", (event) => {
    if (event.target.matches("[data-rings]")) preview.ring(stage, event.target.value);
  });
  stage.addEventListener("click", (event) => {
    const jump = event.target.closest("[data-goto]");
    if (jump) goTo(jump.dataset.goto);
    const field = event.target.closest(".wallet-card [data-key]");
    if (field && form && !event.target.closest("a")) openField(field.dataset.key);
    if (event.target.closest(".wallet-card a")) event.preventDefault();
  });
}

function press(selector, act, group = selector) {
  for (const button of document.querySelectorAll(group)) {
    button.addEventListener("click", () => {
      for (const other of button.parentElement.querySelectorAll(selector)) other.setAttribute("aria-pressed", String(other === button));
      act(button);
      preview.show(stage);
    });
  }
}

function openField(key) {
  const found = form.querySelector(`details[data-open="field-${CSS.escape(key)}"]`);
  if (!found) return;
  tab("fields");
  editor.dataset.view = "form";
  found.open = true;
  found.scrollIntoView({ block: "center" });
  found.querySelector("summary").focus();
}

function goTo(pointer) {
  const box = form && home(pointer);
  if (!box) return;
  tab(box.closest(".panel").dataset.panel);
  editor.dataset.view = "form";
  for (let one = box.closest("details"); one; one = one.parentElement.closest("details")) one.open = true;
  box.scrollIntoView({ block: "center" });
  box.closest("[data-place], .item, .card")?.querySelector(".chip-input, input, select, summary")?.focus();
}

// ---- Tabs, keys, leaving

function tab(name) {
  for (const button of document.querySelectorAll('[role="tab"]')) {
    const chosen = button.dataset.tab === name;
    button.setAttribute("aria-selected", String(chosen));
    button.tabIndex = chosen ? 0 : -1;
    const panel = $(`panel-${button.dataset.tab}`);
    if (panel) panel.hidden = !chosen;
  }
  if (location.hash !== `#${name}`) history.replaceState(null, "", `#${name}`);
}

function watchTabs() {
  const buttons = [...document.querySelectorAll('[role="tab"]')];
  for (const button of buttons) button.addEventListener("click", () => tab(button.dataset.tab));
  document.querySelector('[role="tablist"]').addEventListener("keydown", (event) => {
    const at = buttons.indexOf(document.activeElement);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = buttons[(to + buttons.length) % buttons.length];
    tab(next.dataset.tab);
    next.focus();
  });
  const wanted = location.hash.slice(1);
  if (buttons.some((button) => button.dataset.tab === wanted)) tab(wanted);
}

function watchKeys() {
  $("replace")?.addEventListener("change", (event) => replaceAll(event.target));
  for (const way of ["undo", "redo"]) $(way).addEventListener("click", () => saver.travel(way));
  document.addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.target.id === "yaml") return;
    const key = event.code === "KeyZ" ? (event.shiftKey ? "redo" : "undo") : event.code === "KeyY" ? "redo" : event.code === "KeyS" ? "save" : null;
    if (!key) return;
    event.preventDefault();
    if (key === "save") saver.flush();
    else saver.travel(key);
  });
  document.addEventListener("click", async (event) => {
    const link = event.target.closest("a[data-flush]");
    if (!link || !saver.busy) return;
    event.preventDefault();
    await saver.flush();
    location.assign(link.href);
  });
  $("expert")?.addEventListener("click", () => {
    const on = document.body.classList.toggle("is-expert");
    $("expert").setAttribute("aria-pressed", String(on));
    localStorage.setItem("passbell-expert", on ? "yes" : "no");
    if (on) tab("expert");
    else if (location.hash === "#expert") tab("look");
  });
  if (localStorage.getItem("passbell-expert") === "yes") {
    document.body.classList.add("is-expert");
    $("expert")?.setAttribute("aria-pressed", "true");
  }
}

// Whoever comes back to this tab sees what others have done meanwhile.
async function look() {
  if (saver.busy || document.hidden) return;
  const response = await fetch(`${url}/draft`, { headers: { Accept: "application/json" } }).catch(() => null);
  if (!response?.ok) return;
  const answer = await response.json();
  take(answer);
  if (answer.number > saver.number) {
    saver.number = answer.number;
    await redraw();
    see();
  }
}

watchCanvas();
const wanted = location.hash.startsWith("#at=") ? decodeURIComponent(location.hash.slice(4)) : null; // a link from the review
if (saver) {
  listen();
  watchTabs();
  watchKeys();
  dress();
  if (wanted) goTo(wanted);
  look();
  document.addEventListener("visibilitychange", look);
}
see();
editor.dataset.ready = "yes";
