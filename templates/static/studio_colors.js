// Colours: the picker and the number of one colour are one value, and words on a ground say how well they read.

const LEAST = 4.5; // WCAG 2.2, 1.4.3

export function luminance(hex) {
  const parts = [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16) / 255);
  const [red, green, blue] = parts.map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

export function contrast(one, other) {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

// The nearest lighter or darker colour that reads well on the ground.
export function readable(color, ground) {
  const target = luminance(ground) > 0.18 ? 0 : 255;
  for (let share = 0.05; share < 1; share += 0.05) {
    const mixed = mix(color, target, share);
    if (contrast(mixed, ground) >= LEAST) return mixed;
  }
  return target ? "#ffffff" : "#000000";
}

function mix(color, target, share) {
  const parts = [1, 3, 5].map((at) => parseInt(color.slice(at, at + 2), 16));
  return `#${parts.map((part) => Math.round(part + (target - part) * share).toString(16).padStart(2, "0")).join("")}`;
}

export function judge(root, words, changed) {
  for (const group of root.querySelectorAll("[data-colors]")) {
    const color = (name) => group.querySelector(`[data-paints="${name}"]`);
    const ground = color("background")?.value;
    for (const line of group.querySelectorAll("[data-contrast]")) {
      const own = color(line.dataset.contrast);
      if (own && ground) tell(line, own, ground, words, changed);
    }
  }
  for (const one of root.querySelectorAll("[data-paint]")) one.style.background = one.dataset.paint;
}

function tell(line, own, ground, words, changed) {
  const ratio = contrast(own.value, ground);
  const low = ratio < LEAST;
  const sentence = (low ? words.contrast_low : words.contrast_good).replace("{ratio}", ratio.toFixed(1)).replace("{least}", LEAST);
  if (line.dataset.said === sentence) return;
  line.dataset.said = sentence;
  line.classList.toggle("is-low", low);
  line.replaceChildren(sentence);
  if (low) {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button small";
    button.textContent = words.contrast_fix;
    button.addEventListener("click", () => {
      own.value = readable(own.value, ground);
      changed(own);
    });
    line.append(" ", button);
  }
}

export function normal(text) {
  const digits = text.trim().replace(/^#/, "");
  if (/^[0-9a-f]{3}$/i.test(digits)) return `#${[...digits].map((digit) => digit + digit).join("")}`.toLowerCase();
  return /^[0-9a-f]{6}$/i.test(digits) ? `#${digits}`.toLowerCase() : null;
}
