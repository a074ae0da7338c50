// Pictures: upload into a slot, and what a crop keeps. The frame has the slot's shape; the picture itself stays whole
// unless somebody goes closer, and then the part that is kept is uploaded anew.

const MOST = 5 * 1024 * 1024;
const STEP = 0.02;

export function show(root) {
  for (const box of root.querySelectorAll(".picture")) {
    const view = box.querySelector(".picture-view");
    view.style.aspectRatio = view.dataset.ratio;
    const image = view.querySelector("[data-crop]");
    if (!image) continue;
    image.style.objectPosition = "50% 50%";
    const place = () => { image.style.objectPosition = position(image, box); };
    if (image.complete) place();
    else image.addEventListener("load", place, { once: true });
  }
}

// The part around the focus as CSS says it: the share of what is left over, not of the picture.
function position(image, box) {
  const { x, y } = window_(image, box, 1);
  const free = (size, part, at) => (size - part > 0.5 ? (100 * at) / (size - part) : 50);
  const part = cut(image.naturalWidth, image.naturalHeight, box);
  return `${free(image.naturalWidth, part.width, x)}% ${free(image.naturalHeight, part.height, y)}%`;
}

// The largest part of the slot's shape, as passkit/images.py cuts it.
function cut(width, height, box) {
  const shape = Number(box.dataset.width) / Number(box.dataset.height);
  return width / height > shape ? { width: height * shape, height } : { width, height: width / shape };
}

function window_(image, box, zoom) {
  const { naturalWidth: width, naturalHeight: height } = image;
  const part = cut(width, height, box);
  const size = { width: part.width / zoom, height: part.height / zoom };
  const clamp = (middle, length, whole) => Math.min(Math.max(middle * whole - length / 2, 0), whole - length);
  return { x: clamp(Number(box.dataset.x), size.width, width), y: clamp(Number(box.dataset.y), size.height, height), ...size };
}

export function watch(root, { upload, focus, words, say }) {
  root.addEventListener("change", async (event) => {
    const input = event.target.closest("[data-upload]");
    const file = input?.files[0];
    if (!file) return;
    const box = input.closest(".picture");
    await send(box, file, { upload, words, say });
    input.value = "";
  });
  root.addEventListener("click", (event) => {
    const button = event.target.closest("[data-focus]");
    if (button) crop(button.closest(".picture"), { upload, focus, words });
  });
  for (const kind of ["dragover", "drop"]) {
    root.addEventListener(kind, (event) => {
      const box = event.target.closest?.(".picture");
      if (!box || !event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      if (kind === "drop" && event.dataTransfer.files[0]) send(box, event.dataTransfer.files[0], { upload, words, say });
    });
  }
}

async function send(box, file, { upload, words, say }) {
  if (file.size > MOST) {
    say(words.too_large);
    return;
  }
  box.setAttribute("aria-busy", "true");
  await upload({ slot: box.dataset.pictureSlot, within: box.dataset.within, file: file.name }, file);
  box.removeAttribute("aria-busy");
}

function crop(box, { upload, focus, words }) {
  const dialog = document.getElementById("crop");
  const image = document.getElementById("crop-image");
  const frame = document.getElementById("crop-window");
  const zoom = document.getElementById("crop-zoom");
  const place = document.getElementById("crop-place");
  const at = { x: Number(box.dataset.x), y: Number(box.dataset.y) };
  const held = { dataset: { width: box.dataset.width, height: box.dataset.height, get x() { return at.x; }, get y() { return at.y; } } };
  zoom.value = 1;
  image.src = box.querySelector("[data-crop]").src;

  const draw = () => {
    const part = window_(image, held, Number(zoom.value));
    const share = (value, whole) => `${(100 * value) / whole}%`;
    frame.style.left = share(part.x, image.naturalWidth);
    frame.style.top = share(part.y, image.naturalHeight);
    frame.style.width = share(part.width, image.naturalWidth);
    frame.style.height = share(part.height, image.naturalHeight);
    at.x = (part.x + part.width / 2) / image.naturalWidth;
    at.y = (part.y + part.height / 2) / image.naturalHeight;
    place.textContent = words.crop_place.replace("{x}", Math.round(at.x * 100)).replace("{y}", Math.round(at.y * 100));
  };
  const step = (event) => {
    const by = { ArrowLeft: [-STEP, 0], ArrowRight: [STEP, 0], ArrowUp: [0, -STEP], ArrowDown: [0, STEP] }[event.key];
    if (!by) return;
    event.preventDefault();
    at.x += by[0];
    at.y += by[1];
    draw();
  };
  const pull = (event) => {
    const stage = image.getBoundingClientRect();
    at.x = (event.clientX - stage.left) / stage.width;
    at.y = (event.clientY - stage.top) / stage.height;
    draw();
  };
  const hold = (event) => {
    event.preventDefault();
    frame.parentElement.setPointerCapture(event.pointerId);
    frame.parentElement.addEventListener("pointermove", pull);
    pull(event);
  };
  const let_go = () => frame.parentElement.removeEventListener("pointermove", pull);
  const listeners = [
    [frame, "keydown", step],
    [frame.parentElement, "pointerdown", hold],
    [frame.parentElement, "pointerup", let_go],
    [zoom, "input", draw],
  ];
  for (const [target, kind, listener] of listeners) target.addEventListener(kind, listener);
  dialog.addEventListener("close", async () => {
    for (const [target, kind, listener] of listeners) target.removeEventListener(kind, listener);
    let_go();
    if (dialog.returnValue !== "yes") return;
    if (Number(zoom.value) === 1) focus(box, [round(at.x), round(at.y)]);
    else await upload({ slot: box.dataset.pictureSlot, within: box.dataset.within, file: "picture.png" }, await taken(image, window_(image, held, Number(zoom.value))));
  }, { once: true });
  dialog.returnValue = "no";
  dialog.showModal();
  if (image.complete && image.naturalWidth) draw();
  image.addEventListener("load", draw, { once: true });
  frame.focus();
}

// The kept part as a picture of its own.
function taken(image, part) {
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(part.width);
  canvas.height = Math.round(part.height);
  canvas.getContext("2d").drawImage(image, part.x, part.y, part.width, part.height, 0, 0, canvas.width, canvas.height);
  return new Promise((done) => { canvas.toBlob(done, "image/png"); });
}

function round(share) {
  return Math.round(Math.min(1, Math.max(0, share)) * 1000) / 1000;
}
