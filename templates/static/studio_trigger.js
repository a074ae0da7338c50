// An automatic message: the card is drawn anew from every letter, and whom it would tell today is counted at once.

import * as preview from "./studio_preview.js";

const root = document.getElementById("trigger");
const form = document.getElementById("write");
const stage = document.getElementById("stage");
const counted = document.getElementById("count");
const WAIT = 500;
const AGAIN = 1000;
const here = root.dataset.here;
let language = document.querySelector('[data-language][aria-pressed="true"]')?.dataset.language ?? "";

async function ask(path, more = {}) {
  const body = new URLSearchParams(new FormData(form));
  for (const [name, value] of Object.entries(more)) body.set(name, value);
  try {
    const response = await fetch(`${here}/${path}`, { method: "POST", body });
    return response.ok ? await response.text() : null;
  } catch {
    return null; // the connection is gone: the next letter asks again
  }
}

let drawing = 0;
async function draw() {
  const mine = ++drawing;
  const html = await ask("preview", { language, have: preview.known() });
  if (html === null || mine !== drawing) return;
  stage.replaceChildren(preview.parse(html));
  preview.show(stage);
}

let counting = 0;
async function count(mine = ++counting) {
  const html = await ask("count");
  if (html === null || mine !== counting) return;
  counted.innerHTML = html;
  if (counted.querySelector("[data-counting]")) setTimeout(() => mine === counting && count(mine), AGAIN);
}

const faces = document.getElementById("faces")?.content;
if (faces) {
  preview.settle(faces);
  stage.replaceChildren(faces);
  preview.show(stage);
}

const marketing = form.querySelector("[data-marketing]");
function arrange() {
  marketing.hidden = form.elements.kind.value !== "marketing";
}

const timers = {};
function later(name, run) {
  clearTimeout(timers[name]);
  timers[name] = setTimeout(run, WAIT);
}

form.addEventListener("input", (event) => {
  arrange();
  const name = event.target.name;
  if (/^(text|title)_|^url$/.test(name)) later("draw", draw);
  else later("count", () => count());
});

for (const button of document.querySelectorAll("[data-language], button[data-side]")) {
  button.addEventListener("click", () => {
    for (const one of button.parentElement.children) one.setAttribute("aria-pressed", String(one === button));
    if (button.dataset.language) {
      language = button.dataset.language;
      draw();
    } else {
      stage.dataset.side = button.dataset.side;
      preview.show(stage);
    }
  });
}

arrange();
count();
