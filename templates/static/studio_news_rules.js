// Quiet hours as they are typed, on the drawn day.

const DAY = 24 * 60;
const form = document.getElementById("quiet-form");
const holder = document.getElementById("daybar");

function minutes(text) {
  const [hours, rest] = text.split(":").map(Number);
  return Number.isFinite(hours) && Number.isFinite(rest) ? hours * 60 + rest : null;
}

function parts(since, until) {
  if (since === null || until === null || since === until) return [];
  return since < until ? [[since, until - since]] : [[0, until], [since, DAY - since]];
}

function draw() {
  const { on, from, until } = form.elements;
  const found = on.checked ? parts(minutes(from.value), minutes(until.value)) : [];
  holder.replaceChildren(...found.map(([at, length]) => {
    const bar = document.createElementNS("http://www.w3.org/2000/svg", "rect");
    for (const [name, value] of Object.entries({ class: "daybar-quiet", x: at, y: 0, width: length, height: 24 })) bar.setAttribute(name, value);
    return bar;
  }));
}

form?.addEventListener("input", (event) => {
  if (event.target.name !== "on") form.elements.on.checked = true;
  draw();
});
