// A card's page: the colours of both drawings by CSSOM, and their front and back.

for (const card of document.querySelectorAll(".wallet-card")) {
  for (const name of ["background", "foreground", "label"]) card.style.setProperty(`--${name}`, card.dataset[name]);
}

const sides = document.querySelector("[data-sides]");

sides?.addEventListener("click", (event) => {
  const button = event.target.closest("[data-side]");
  if (!button) return;
  const back = button.dataset.side === "back";
  for (const other of sides.querySelectorAll("[data-side]")) other.setAttribute("aria-pressed", String(other === button));
  for (const card of document.querySelectorAll(".wallet-card")) {
    card.classList.toggle("is-turned", back);
    for (const [name, seen] of [[".c-front", !back], [".c-back", back]]) {
      const half = card.querySelector(name);
      half.inert = !seen;
      half.setAttribute("aria-hidden", String(!seen));
    }
  }
});
