// A weekly slot: the card as it will be, and the queue's order by keys on a handle and by dragging; without either there are arrows.

import * as preview from "./studio_preview.js";

const stage = document.getElementById("stage");
const faces = document.getElementById("faces")?.content;
if (faces) {
  preview.settle(faces);
  stage.replaceChildren(faces);
  preview.show(stage);
}

const queue = document.querySelector("[data-queue]");
const rows = () => [...queue.children];

// The form of the row's own arrow carries the place, so that there is one way to move.
function move(row, to) {
  const form = row.querySelector('form[action$=":move"]');
  form.elements.to.value = to;
  form.querySelector("button").disabled = false;
  form.requestSubmit();
}

queue?.addEventListener("keydown", (event) => {
  const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
  if (!step || !event.target.closest("[data-handle]")) return;
  event.preventDefault();
  const row = event.target.closest("[data-text]");
  const to = rows().indexOf(row) + step;
  if (to >= 0 && to < queue.children.length) move(row, to);
});

let dragged = null;
queue?.addEventListener("pointerdown", (event) => {
  const row = event.target.closest("[data-handle]")?.closest("[data-text]");
  if (!row || event.button !== 0) return;
  dragged = { row, from: rows().indexOf(row) };
  row.classList.add("is-dragged");
  queue.setPointerCapture(event.pointerId);
});
queue?.addEventListener("pointermove", (event) => {
  if (!dragged) return;
  const over = rows().find((one) => one !== dragged.row && event.clientY > one.getBoundingClientRect().top && event.clientY < one.getBoundingClientRect().bottom);
  if (!over) return;
  const middle = over.getBoundingClientRect().top + over.offsetHeight / 2;
  queue.insertBefore(dragged.row, event.clientY < middle ? over : over.nextSibling);
});
for (const kind of ["pointerup", "pointercancel"]) {
  queue?.addEventListener(kind, () => {
    if (!dragged) return;
    const { row, from } = dragged;
    dragged = null;
    row.classList.remove("is-dragged");
    const to = rows().indexOf(row);
    if (to !== from) move(row, to);
  });
}

queue?.querySelector("[data-moved] [data-handle]")?.focus();
