// Texts with values in them: a chip is one thing that cannot be typed into, with a name; braces are for the expert's file.

const CHIP = /(\{\{[\s\S]*?\}\}|%@)/;

let menu = null;

export function textOf(box) {
  let text = "";
  for (const node of box.childNodes) text += textOfNode(node);
  return text.replace(/\u00a0/g, " ").replace(/\n$/, "");
}

function textOfNode(node) {
  if (node.nodeType === Node.TEXT_NODE) return node.data.replaceAll("{{", "{ {").replaceAll("{%", "{ %").replaceAll("{#", "{ #");
  if (node.dataset?.code) return node.dataset.code;
  if (node.nodeName === "BR") return "\n";
  const inner = [...node.childNodes].map(textOfNode).join("");
  return node.nodeName === "DIV" || node.nodeName === "P" ? `\n${inner}` : inner;
}

export function chip(code, name, title = "") {
  const made = document.createElement("span");
  made.className = "chip";
  made.contentEditable = "false";
  made.dataset.code = code;
  made.textContent = name;
  if (title) made.title = title;
  return made;
}

export function fill(box, text, names, words) {
  box.replaceChildren(...text.split(CHIP).filter(Boolean).map((part) => {
    if (part === "%@") return chip(part, words.chip_new);
    if (!part.startsWith("{{")) return document.createTextNode(part);
    const code = part.slice(2, -2).trim();
    return chip(part, names[code] ?? words.chip_formula, names[code] ? "" : code);
  }));
}

// One listener for all boxes: they come and go with the form.
export function watch(root, { offers, typed, words }) {
  root.addEventListener("input", (event) => {
    const box = event.target.closest(".chip-input");
    if (box) typed(box);
  });
  root.addEventListener("keydown", (event) => {
    const box = event.target.closest(".chip-input");
    if (!box) return;
    if (event.key === "Enter") {
      event.preventDefault();
      if (box.getAttribute("aria-multiline") === "true") insert(box, document.createTextNode("\n"));
      else box.blur();
    }
  });
  for (const kind of ["paste", "drop"]) {
    root.addEventListener(kind, (event) => {
      const box = event.target.closest?.(".chip-input");
      if (!box) return;
      event.preventDefault();
      const text = (event.clipboardData ?? event.dataTransfer).getData("text/plain");
      const plain = box.getAttribute("aria-multiline") === "true" ? text : text.replace(/\s+/g, " ");
      if (plain) insert(box, document.createTextNode(plain));
    });
  }
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-insert]");
    if (button) open(button, document.getElementById(button.dataset.insert), offers(button.dataset.offers), words);
  });
  document.addEventListener("selectionchange", () => {
    const box = boxOf(document.getSelection());
    if (box) box.lastRange = document.getSelection().getRangeAt(0).cloneRange();
  });
}

function boxOf(selection) {
  const node = selection?.rangeCount ? selection.anchorNode : null;
  return (node?.nodeType === Node.ELEMENT_NODE ? node : node?.parentElement)?.closest(".chip-input") ?? null;
}

// Puts a node where the caret was last, the end where it never was, and the caret behind it.
export function insert(box, node) {
  box.focus();
  const selection = document.getSelection();
  const range = box.lastRange && box.contains(box.lastRange.startContainer) ? box.lastRange : document.createRange();
  if (!box.lastRange || range !== box.lastRange) {
    range.selectNodeContents(box);
    range.collapse(false);
  }
  range.deleteContents();
  range.insertNode(node);
  range.setStartAfter(node);
  range.collapse(true);
  selection.removeAllRanges();
  selection.addRange(range);
  box.dispatchEvent(new InputEvent("input", { bubbles: true }));
}

// The menu of values: arrows, Enter, Escape, or a letter.
function open(button, box, offered, words) {
  close();
  menu = document.createElement("div");
  menu.className = "menu-panel value-menu";
  menu.setAttribute("role", "menu");
  menu.setAttribute("aria-label", words.values_menu);
  for (const [code, name] of offered) {
    const item = document.createElement("button");
    item.type = "button";
    item.className = "menu-item";
    item.setAttribute("role", "menuitem");
    item.tabIndex = -1;
    item.append(chip(code, name));
    item.addEventListener("click", () => {
      close();
      insert(box, chip(code, name));
    });
    menu.append(item);
  }
  const place = button.getBoundingClientRect();
  document.body.append(menu);
  menu.style.top = `${window.scrollY + place.bottom + 4}px`;
  menu.style.left = `${Math.max(8, Math.min(window.scrollX + place.left, document.documentElement.clientWidth - menu.offsetWidth - 8))}px`;
  menu.addEventListener("keydown", (event) => steer(event, button));
  menu.addEventListener("focusout", (event) => {
    if (!menu?.contains(event.relatedTarget)) close();
  });
  menu.querySelector("button")?.focus();
}

function steer(event, button) {
  const items = [...menu.querySelectorAll("button")];
  const at = items.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: items.length - 1 }[event.key];
  if (event.key === "Escape") {
    close();
    button.focus();
  } else if (to !== undefined) {
    event.preventDefault();
    items[(to + items.length) % items.length].focus();
  } else if (event.key.length === 1) {
    items.find((item) => item.textContent.trim().toLowerCase().startsWith(event.key.toLowerCase()))?.focus();
  }
}

function close() {
  const closing = menu;
  menu = null; // first: what is removed loses the focus, and that closes too
  closing?.remove();
}
