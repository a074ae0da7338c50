// Lists whose entries move: by the handle with a mouse or a finger, by arrow keys on the handle, by the buttons beside.

export function watch(root, { move, say }) {
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-move]");
    if (button) shift(button.closest(".item"), Number(button.dataset.move), move);
  });
  root.addEventListener("keydown", (event) => {
    const grip = event.target.closest("[data-grip]");
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (grip && step) {
      event.preventDefault();
      shift(grip.closest(".item"), step, move);
    }
  });
  root.addEventListener("pointerdown", (event) => {
    const grip = event.target.closest("[data-grip]");
    if (grip && event.button === 0) drag(event, grip, root, move);
  });
  root.addEventListener("change", (event) => {
    if (!event.target.matches("[data-move-to]")) return;
    const item = event.target.closest(".item");
    const list = root.querySelector(`[data-list="${event.target.value}"]`);
    if (list && list !== item.parentElement) move(item, list, list.children.length);
  });
  void say;
}

function shift(item, step, move) {
  const list = item.parentElement;
  const target = Number(item.dataset.index) + step;
  if (target >= 0 && target < list.children.length) move(item, list, target);
}

function drag(event, grip, root, move) {
  const item = grip.closest(".item");
  const from = item.parentElement;
  const fellows = () => [...root.querySelectorAll("[data-list]")].filter((list) => kin(list) === kin(from) && list.offsetParent);
  const mark = document.createElement("li");
  mark.className = "drop-mark";
  let target = null;
  event.preventDefault();
  grip.setPointerCapture(event.pointerId);
  item.classList.add("is-dragged");

  const follow = (moved) => {
    edge(moved.clientY);
    const list = fellows().find((one) => holds(one.closest(".zone") ?? one, moved)) ?? target?.list;
    if (!list) return;
    const others = [...list.children].filter((one) => one !== item && one !== mark);
    const before = others.find((one) => moved.clientY < middle(one));
    list.insertBefore(mark, before ?? null);
    target = { list, index: before ? others.indexOf(before) : others.length };
  };
  const end = (ended) => {
    grip.removeEventListener("pointermove", follow);
    mark.remove();
    item.classList.remove("is-dragged");
    const stays = target?.list === from && target.index === Number(item.dataset.index);
    if (ended.type === "pointerup" && target && !stays) move(item, target.list, target.index);
  };
  grip.addEventListener("pointermove", follow);
  grip.addEventListener("pointerup", end, { once: true });
  grip.addEventListener("pointercancel", end, { once: true });
}

// Fields move among zones; any other list keeps its own entries.
function kin(list) {
  return list.dataset.list.startsWith("/fields/") ? "/fields" : list.dataset.list;
}

function holds(box, { clientX, clientY }) {
  const place = box.getBoundingClientRect();
  return clientY >= place.top && clientY <= place.bottom && clientX >= place.left - 80 && clientX <= place.right + 80;
}

function middle(box) {
  const place = box.getBoundingClientRect();
  return place.top + place.height / 2;
}

function edge(y) {
  if (y < 80) window.scrollBy(0, -12);
  if (y > window.innerHeight - 80) window.scrollBy(0, 12);
}
