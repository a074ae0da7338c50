// Writing a news: the draft is saved as it is typed, the card is drawn anew from what is saved, the audience is counted at once.

import * as preview from "./studio_preview.js";

const root = document.getElementById("news");
const settings = JSON.parse(root.dataset.settings);
const form = document.getElementById("write");
const stage = document.getElementById("stage");
const saved = document.getElementById("saved");
const here = `/studio/news/${settings.key}`;
const WAIT = 600;
const RETRY = [2000, 5000, 15000];
let language = form.querySelector("textarea").lang;
let arm = "0";

// The audience.

const builder = document.getElementById("builder");
const groups = builder?.querySelector("[data-groups]");
const fieldOf = (name) => settings.fields.find((one) => one.name === name) ?? settings.fields[0];

function options(select, pairs, chosen) {
  select.replaceChildren(...pairs.map(([value, words]) => new Option(words, value, false, value === chosen)));
}

function valueInput(row, text) {
  const field = fieldOf(row.querySelector("[data-field]").value);
  const op = row.querySelector("[data-op]").value;
  const holder = row.querySelector("[data-value]");
  if (["empty", "filled"].includes(op)) {
    holder.replaceChildren();
    return;
  }
  const days = op.endsWith("_days");
  let input;
  if (field.choices.length && op !== "in") {
    input = document.createElement("select");
    options(input, field.choices, text);
  } else {
    input = document.createElement("input");
    if (days) input.inputMode = "numeric";
    else if (op !== "in" && ["date", "datetime-local"].includes(field.input)) input.type = field.input;
    else if (field.input === "number") input.inputMode = "decimal";
    input.value = text;
  }
  input.setAttribute("aria-label", holder.getAttribute("aria-label"));
  holder.replaceChildren(input);
}

function addRow(group, [field, op, text] = [settings.fields[0].name, "", ""]) {
  const row = document.getElementById("row-template").content.firstElementChild.cloneNode(true);
  const [fields, ops] = [row.querySelector("[data-field]"), row.querySelector("[data-op]")];
  options(fields, settings.fields.map((one) => [one.name, one.label]), field);
  options(ops, fieldOf(field).ops, op);
  valueInput(row, text);
  fields.addEventListener("change", () => {
    options(ops, fieldOf(fields.value).ops, "");
    valueInput(row, "");
  });
  ops.addEventListener("change", () => valueInput(row, row.querySelector("[data-value]").firstElementChild?.value ?? ""));
  row.querySelector("[data-remove]").addEventListener("click", () => {
    row.remove();
    if (!group.querySelector(".news-row")) group.remove();
    arrange();
    changed();
  });
  group.querySelector("[data-rows]").append(row);
  return row;
}

function addGroup(join = "all") {
  const group = document.getElementById("group-template").content.firstElementChild.cloneNode(true);
  group.querySelector("[data-join]").value = join;
  groups.append(group);
  return group;
}

function arrange() {
  const count = groups.children.length;
  builder.querySelector("[data-everybody]").hidden = count > 0;
  builder.querySelector("[data-top]").hidden = count < 2;
  builder.querySelector("[data-add-group]").hidden = count < 1;
  for (const group of groups.children) group.querySelector(".news-join").hidden = group.querySelectorAll(".news-row").length < 2;
}

function tree() {
  const rows = (group) => [...group.querySelectorAll(".news-row")].map((row) => [
    row.querySelector("[data-field]").value,
    row.querySelector("[data-op]").value,
    row.querySelector("[data-value]").firstElementChild?.value ?? "",
  ]);
  return {
    join: builder.querySelector("[data-top] select").value,
    groups: [...groups.children].map((group) => ({ join: group.querySelector("[data-join]").value, rows: rows(group) })),
  };
}

if (builder) {
  builder.querySelector("[data-top] select").value = settings.tree.join;
  for (const one of settings.tree.groups) {
    const group = addGroup(one.join);
    for (const row of one.rows) addRow(group, row);
  }
  builder.querySelector("[data-add-row]").addEventListener("click", () => {
    addRow(groups.lastElementChild ?? addGroup()).querySelector("[data-field]").focus();
    arrange();
    changed();
  });
  builder.querySelector("[data-add-group]").addEventListener("click", () => {
    addRow(addGroup()).querySelector("[data-field]").focus();
    arrange();
    changed();
  });
  arrange();
}

// Saving. One request at a time; what is typed meanwhile goes with the next.

let timer = 0;
let running = null;
let dirty = false;
let failures = 0;
let stopped = false; // somebody else has saved: a person chooses first

function changed() {
  dirty = true;
  if (stopped) return;
  saved.textContent = saved.dataset.saving;
  clearTimeout(timer);
  timer = setTimeout(save, WAIT);
}

async function save() {
  clearTimeout(timer);
  while (running) await running;
  if (stopped) return false;
  if (!dirty) return true;
  running = send();
  try {
    return await running;
  } finally {
    running = null;
  }
}

async function send() {
  dirty = false;
  if (builder) form.elements.audience.value = JSON.stringify(tree());
  let answer = null;
  try {
    const response = await fetch(`${here}/draft`, { method: "POST", body: new URLSearchParams(new FormData(form)), headers: { Accept: "application/json" } });
    if (response.ok || response.status === 422) answer = await response.json();
    else if (response.status === 409) return conflict(await response.json());
    else if (response.status === 401 || response.redirected) location.reload();
  } catch { /* the connection is gone: tried again below */ }
  if (!answer?.errors) {
    dirty = true;
    saved.textContent = saved.dataset.unsaved;
    timer = setTimeout(save, RETRY[Math.min(failures++, RETRY.length - 1)]);
    return false;
  }
  failures = 0;
  show(answer.errors);
  if (!dirty) saved.textContent = Object.keys(answer.errors).length ? saved.dataset.partly : saved.dataset.saved;
  draw();
  count();
  return Object.keys(answer.errors).length === 0;
}

// Two who write: whose text stays here is chosen, the other becomes a draft of its own.

function conflict({ conflict: html, seen }) {
  if (!html) {
    location.reload();
    return false;
  }
  stopped = true;
  dirty = true;
  form.elements.seen.value = seen;
  saved.textContent = saved.dataset.theirs;
  const holder = document.getElementById("conflict");
  holder.innerHTML = html;
  holder.scrollIntoView({ block: "start" });
  for (const button of holder.querySelectorAll("[data-choice]")) {
    button.addEventListener("click", async () => {
      form.elements.choice.value = button.dataset.choice;
      stopped = false;
      holder.replaceChildren();
      await save();
      form.elements.choice.value = "";
      if (!dirty) location.reload();
    });
  }
  return false; // the focus stays where somebody types
}

function show(errors) {
  for (const place of form.querySelectorAll("[data-error]")) {
    let name = place.dataset.error;
    const row = place.closest(".news-row");
    if (row) {
      const group = row.closest(".news-group");
      name = `audience_${[...groups.children].indexOf(group)}.${[...row.parentElement.children].indexOf(row)}`;
    }
    place.textContent = errors[name] ?? "";
    place.hidden = !errors[name];
    form.elements[name]?.setAttribute?.("aria-invalid", String(Boolean(errors[name])));
  }
  if (errors[""]) saved.textContent = errors[""];
}

window.addEventListener("beforeunload", (event) => {
  if (dirty || running) event.preventDefault();
});
window.addEventListener("online", save);
form.addEventListener("submit", (event) => event.preventDefault());
document.getElementById("go-review").addEventListener("click", async (event) => {
  if (!dirty && !running) return;
  event.preventDefault();
  const { href } = event.currentTarget;
  if (await save()) location.assign(href);
});

// What is built of it.

let drawing = 0;
async function draw() {
  const mine = ++drawing;
  const query = new URLSearchParams({ language, arm, have: preview.known() });
  const response = await fetch(`${here}/preview?${query}`);
  if (!response.ok || mine !== drawing) return;
  stage.replaceChildren(preview.parse(await response.text()));
  preview.show(stage);
}

let counting = 0;
async function count(again = false) {
  const mine = again || ++counting;
  const response = await fetch(`${here}/count${again ? "?again=1" : ""}`);
  if (!response.ok || mine !== counting) return;
  const holder = document.getElementById("count");
  holder.innerHTML = await response.text();
  if (holder.querySelector("[data-counting]")) setTimeout(() => count(mine), 1000);
}

function press(attribute, act) {
  for (const button of document.querySelectorAll(`button[${attribute}]`)) {
    button.addEventListener("click", () => {
      for (const other of button.parentElement.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
      act(button);
    });
  }
}
press("data-language", (button) => { language = button.dataset.language; draw(); });
press("data-arm", (button) => { arm = button.dataset.arm; draw(); });
press("data-side", (button) => { stage.dataset.side = button.dataset.side; preview.show(stage); });

// Fields that belong to others, and how much of a text is seen.

function settle() {
  document.querySelector("[data-marketing]").hidden = form.elements.kind.value !== "marketing";
  const second = form.elements.ab.checked;
  document.querySelector("[data-ab]").hidden = !second;
  document.querySelector("[data-arms]").hidden = !second;
  for (const area of form.querySelectorAll("textarea[data-count]")) {
    const { count: some, countAll, limit } = area.dataset;
    const length = graphemes(area.value.trim());
    const words = length > Number(limit) ? some : countAll;
    area.parentElement.querySelector("[data-counted]").textContent = length ? words.replace("{seen}", limit).replace("{n}", length) : "";
  }
}

function graphemes(text) {
  return "Segmenter" in Intl ? [...new Intl.Segmenter().segment(text)].length : [...text].length;
}

for (const kind of ["input", "change"]) {
  form.addEventListener(kind, (event) => {
    if (event.target.type === "file") return;
    if (event.target.lang && event.target.tagName === "TEXTAREA" && event.target.lang !== language) {
      document.querySelector(`button[data-language="${event.target.lang}"]`)?.click();
    }
    settle();
    changed();
  });
}

// The picture.

async function upload(body) {
  const response = await fetch(`${here}/picture`, { method: "POST", body, headers: { Accept: "application/json", "Content-Type": "application/octet-stream" } });
  const answer = await response.json().catch(() => ({}));
  if (!answer.errors) {
    saved.textContent = saved.dataset.unsaved;
    return;
  }
  show(answer.errors);
  for (const figure of document.querySelectorAll("[data-crop]")) {
    const address = answer.pictures[figure.dataset.crop];
    figure.hidden = !address;
    if (address) figure.querySelector("img").src = address;
  }
  document.getElementById("picture-remove").hidden = !Object.keys(answer.pictures).length;
  draw();
}
document.getElementById("picture-file")?.addEventListener("change", (event) => {
  if (event.target.files[0]) upload(event.target.files[0]);
  event.target.value = "";
});
document.getElementById("picture-remove")?.addEventListener("click", () => upload(""));

settle();
draw();
count();
