// The frame of every page: confirmations, the menu on phones, copying, light and dark, and what to say when a request fails.
// A button with data-confirm asks first; data-copy="#id" copies; data-toggle="#id" opens and closes; data-print prints.

const dialog = document.getElementById("confirm");
let asked = null;

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-confirm]");
  if (!button || button.dataset.confirmed === "yes") return;
  event.preventDefault();
  event.stopImmediatePropagation();
  ask(button);
}, true);

function ask(button) {
  const title = document.getElementById("confirm-title");
  asked = button;
  title.textContent = button.dataset.confirmTitle || title.dataset.default;
  document.getElementById("confirm-question").textContent = button.dataset.confirm;
  document.getElementById("confirm-answer").textContent = button.dataset.confirmAnswer;
  dialog.returnValue = "no";
  dialog.showModal();
}

dialog?.addEventListener("close", () => {
  const button = asked;
  asked = null;
  if (dialog.returnValue !== "yes" || !button) return;
  button.dataset.confirmed = "yes";
  button.click();
  delete button.dataset.confirmed;
});

document.addEventListener("click", (event) => {
  const toggle = event.target.closest("[data-toggle]");
  if (toggle) {
    const open = document.querySelector(toggle.dataset.toggle).classList.toggle("is-open");
    toggle.setAttribute("aria-expanded", String(open));
    return;
  }
  const copy = event.target.closest("[data-copy]");
  if (copy) {
    copyFrom(copy);
    return;
  }
  if (event.target.closest("[data-print]")) window.print();
});

async function copyFrom(button) {
  const field = document.querySelector(button.dataset.copy);
  const text = field.value ?? field.textContent;
  try {
    await navigator.clipboard.writeText(text);
  } catch {
    field.select?.();
    document.execCommand("copy");
  }
  const label = button.querySelector("span") ?? button;
  const before = label.textContent;
  label.textContent = button.dataset.copied;
  setTimeout(() => { label.textContent = before; }, 2000);
}

// A menu closes when something else is pressed, or with Escape.
document.addEventListener("click", (event) => {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (!menu.contains(event.target)) menu.open = false;
  }
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "Escape") return;
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
  const side = document.querySelector(".side.is-open");
  if (side) document.querySelector('[data-toggle="#side"]').click();
});

// Light and dark without loading the page again; the server remembers it for the next.
document.querySelector("[data-themes]")?.addEventListener("click", (event) => {
  const button = event.target.closest("button[name=theme]");
  if (!button) return;
  event.preventDefault();
  if (button.value) document.documentElement.dataset.theme = button.value;
  else delete document.documentElement.dataset.theme;
  for (const other of button.parentElement.querySelectorAll("button")) {
    if (other === button) other.setAttribute("aria-pressed", "true");
    else other.removeAttribute("aria-pressed");
  }
  fetch("/studio/look", { method: "POST", body: new URLSearchParams({ theme: button.value, next: "/studio/" }), redirect: "manual" });
});

// A form is sent once, and says that it is on its way.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method === "dialog" || event.defaultPrevented) return;
  if (form.dataset.sent === "yes") {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  form.setAttribute("aria-busy", "true");
});
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.removeAttribute("aria-busy");
  }
});

export function toast(text, kind = "done") {
  const line = document.createElement("div");
  line.className = `note ${kind}`;
  line.textContent = text;
  document.getElementById("toasts").append(line);
  setTimeout(() => line.remove(), 6000);
}

// htmx throws answers of 4xx away unless it is told that the server made a toast of them.
document.addEventListener("htmx:beforeSwap", (event) => {
  if (event.detail.xhr.getResponseHeader("HX-Retarget")) {
    event.detail.shouldSwap = true;
    event.detail.isError = false;
  }
});
for (const name of ["htmx:sendError", "htmx:timeout"]) {
  document.addEventListener(name, () => toast(document.body.dataset.networkFailed, "wrong"));
}
new MutationObserver((changes) => {
  for (const change of changes) {
    for (const node of change.addedNodes) {
      if (node.nodeType === Node.ELEMENT_NODE) setTimeout(() => node.remove(), 8000);
    }
  }
}).observe(document.getElementById("toasts"), { childList: true });
