// What is added to a card begins here: fields, values, places, languages. Keys come from names, people never write one.

const LETTERS = { а: "a", б: "b", в: "v", г: "g", д: "d", е: "e", ё: "e", ж: "zh", з: "z", и: "i", й: "y", к: "k", л: "l", м: "m", н: "n", о: "o", п: "p", р: "r", с: "s", т: "t", у: "u", ф: "f", х: "h", ц: "ts", ч: "ch", ш: "sh", щ: "sch", ъ: "", ы: "y", ь: "", э: "e", ю: "yu", я: "ya" };
const WHOLE = { integer: 0, decimal: "0", money: 0 };
const SAMPLES = { text: "", integer: 120, decimal: "12.5", money: 45000, date: "2026-12-01", datetime: "2026-12-01T18:30:00+03:00", boolean: true, phone: "+7 916 123-45-67", email: "anna@example.com", url: "https://example.com/" };

export function keyOf(name, taken, otherwise) {
  const plain = [...name.toLowerCase()].map((letter) => LETTERS[letter] ?? letter).join("");
  const key = plain.normalize("NFKD").replace(/[^a-z0-9]+/g, "_").replace(/^[_0-9]+|_+$/g, "").slice(0, 40) || otherwise;
  let free = key;
  for (let number = 2; taken.includes(free); number++) free = `${key}_${number}`;
  return free;
}

export function watch(root, { put, state, words, ask }) {
  root.addEventListener("submit", async (event) => {
    const form = event.target;
    const kind = ["addField", "addVariable", "addPlace", "addLanguage"].find((name) => name in form.dataset);
    if (!kind) return;
    event.preventDefault();
    await { addField, addVariable, addPlace, addLanguage }[kind](form, { put, state: state(), words, ask });
  });
  root.addEventListener("change", async (event) => {
    const input = event.target.closest("[data-stamps]");
    if (!input?.files[0]) return;
    await stamps(input, put);
  });
}

function addField(form, { put, state, words }) {
  const what = form.elements.what.value;
  const path = form.dataset.addField;
  const [label, value, more] = shown(what, state, words);
  const key = keyOf(/^[\w.]+$/.test(what) ? what.split(".").pop() : label, state.keys, "field");
  return put([{ op: "insert", path, index: null, value: { key, label, value, ...more } }], `field-${key}`);
}

function shown(what, state, words) {
  if (what === "text:") return [words.new_text, words.new_text, {}];
  if (what === "link:") return ["", "https://example.com/", { link: words.new_link }];
  if (what === "phone:") return [words.new_phone, "+7 900 000-00-00", { data_detectors: ["phone"] }];
  const more = what === "news.text" ? { change_message: "%@" } : {};
  if (state.variables[what] && what in state.optional) more.when = `{{ ${what} }}`;
  return [state.names[what] ?? what, `{{ ${what} }}`, more];
}

function addVariable(form, { put, state }) {
  const label = form.elements.label.value.trim();
  const type = form.elements.type.value;
  if (!label) return undefined;
  const name = keyOf(label, Object.keys(state.variables), "value");
  const value = { type, label };
  if (type in WHOLE) value.default = WHOLE[type];
  else if (["text", "phone", "email", "url"].includes(type)) value.default = "";
  else value.optional = true;
  if (type === "money") value.currency = "RUB";
  if (SAMPLES[type] !== "") value.sample = SAMPLES[type];
  if (["phone", "email"].includes(type)) value.personal = true;
  return put([{ op: "set", path: `/variables/${name}`, value }], `value-${name}`);
}

async function addPlace(form, { put, ask, words }) {
  const found = await ask(`places?text=${encodeURIComponent(form.elements.place.value)}`);
  const error = form.querySelector(".field-error");
  error.hidden = Boolean(found?.latitude !== undefined);
  error.textContent = error.hidden ? "" : words.no_place;
  form.elements.place.setAttribute("aria-invalid", String(!error.hidden));
  if (!error.hidden) return;
  const at = document.querySelectorAll('[data-list="/locations"] > li').length;
  await put([{ op: "insert", path: "/locations", index: null, value: { latitude: found.latitude, longitude: found.longitude, text: "" } }], `place-${at}`);
}

function addLanguage(form, { put }) {
  const language = form.elements.language.value;
  return language ? put([{ op: "add_language", language }]) : undefined;
}

// The first stamp's picture switches them on: both in one step.
async function stamps(input, put) {
  const value = JSON.parse(input.dataset.stamps);
  await put([{ op: "set", path: "/stamps", value: { ...value, icon: "stamp.png" } }], null, { upload: { slot: "icon", within: "/stamps", file: input.files[0].name, content: input.files[0] } });
}
