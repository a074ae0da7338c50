// The review: samples step by step, now and after, and what the switch for a notification would change.

import * as preview from "./studio_preview.js";

const stage = document.getElementById("stage");
for (const one of document.querySelectorAll("[data-paint]")) if (one.dataset.paint) one.style.background = one.dataset.paint;
for (const one of document.querySelectorAll("[data-share]")) one.style.height = `${Math.max(4, Number(one.dataset.share))}%`;

if (stage) {
  const name = document.getElementById("sample-name");
  const names = name ? JSON.parse(name.dataset.names) : [""];
  let at = 0;
  const faces = document.getElementById("faces").content; // nothing in it is fetched before its pictures are in
  preview.settle(document);
  preview.settle(faces);
  stage.replaceChildren(faces);

  const show = () => {
    preview.show(stage);
    for (const face of stage.querySelectorAll('.face[data-face="apple"]')) {
      const sample = face.dataset.sample === String(at);
      const wanted = stage.dataset.shown === "before" && stage.querySelector(`[data-sample="${at}"][data-when="before"]`) ? "before" : "after";
      face.hidden = stage.dataset.face !== "apple" || !sample || face.dataset.when !== wanted;
    }
    if (name) name.textContent = names[at];
  };
  const press = (attribute, act) => {
    for (const button of document.querySelectorAll(`button[${attribute}]`)) {
      button.addEventListener("click", () => {
        for (const other of button.parentElement.querySelectorAll("button")) other.setAttribute("aria-pressed", String(other === button));
        act(button);
        show();
      });
    }
  };
  press("data-show", (button) => { stage.dataset.face = button.dataset.show; });
  press("data-side", (button) => { stage.dataset.side = button.dataset.side; });
  press("data-when-shown", (button) => { stage.dataset.shown = button.dataset.whenShown; });
  for (const button of document.querySelectorAll("[data-step]")) {
    button.addEventListener("click", () => {
      at = (at + Number(button.dataset.step) + names.length) % names.length;
      show();
    });
  }
  document.querySelector(".review-phone").addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step || names.length < 2) return;
    at = (at + step + names.length) % names.length;
    show();
  });
  document.querySelector("input[name=ring]")?.addEventListener("change", (event) => {
    for (const one of document.querySelectorAll("[data-silent-only]")) one.hidden = event.target.checked;
    for (const one of document.querySelectorAll("[data-rings-only]")) one.hidden = !event.target.checked;
  });
  show();
}
