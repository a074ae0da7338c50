// The card's faces on a page: pictures by digest, colours through CSSOM, front and back.

const pictures = new Map(); // digest -> data URL

export function known() {
  return [...pictures.keys()].join(",");
}

// HTML of faces as nodes that can go into the page: nothing in it has been fetched before its pictures are in.
export function parse(html) {
  const holder = document.createElement("template");
  holder.innerHTML = html;
  settle(holder.content);
  return holder.content;
}

export function settle(root) {
  for (const one of root.querySelectorAll("template[data-picture]")) {
    pictures.set(one.dataset.picture, one.dataset.url);
    one.remove();
  }
  for (const image of root.querySelectorAll('img[src^="cached:"]')) {
    const found = pictures.get(image.getAttribute("src").slice(7));
    if (found) image.src = found;
    else image.remove();
  }
  for (const card of root.querySelectorAll(".wallet-card")) {
    for (const name of ["background", "foreground", "label"]) card.style.setProperty(`--${name}`, card.dataset[name]);
  }
}

// Shows one face and one side of it; what cannot be seen cannot be reached either.
export function show(stage) {
  const { face, side } = stage.dataset;
  for (const one of stage.querySelectorAll(".face")) one.hidden = one.dataset.face !== face;
  for (const card of stage.querySelectorAll(".wallet-card")) {
    const back = side === "back";
    card.classList.toggle("is-turned", back);
    for (const [name, seen] of [[".c-front", !back], [".c-back", back]]) {
      const half = card.querySelector(name);
      half.inert = !seen;
      half.setAttribute("aria-hidden", String(!seen));
    }
  }
}

export function ring(stage, key) {
  const banners = [...stage.querySelectorAll("[data-ring]")];
  const wanted = banners.find((one) => one.dataset.ring === key);
  if (!wanted) return;
  for (const one of banners) one.hidden = one !== wanted;
  const choice = stage.querySelector("[data-rings]");
  if (choice) choice.value = key;
}
