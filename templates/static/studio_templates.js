// A template out of a zip: the file goes up as it is, the answer says where the new template is or what is wrong.

for (const input of document.querySelectorAll("[data-import]")) {
  input.addEventListener("change", async () => {
    const file = input.files[0];
    if (!file) return;
    const told = document.getElementById("import-problems");
    input.closest("label").setAttribute("aria-busy", "true");
    told.replaceChildren();
    try {
      const response = await fetch(input.dataset.import, { method: "POST", body: file, headers: { Accept: "application/json", "Content-Type": "application/zip" } });
      const answer = await response.json();
      if (answer.location) {
        location.assign(answer.location);
        return;
      }
      say(told, answer.refused?.map((row) => [row.sentence, row.fix].filter(Boolean).join(" ")) ?? [answer.detail]);
    } catch {
      say(told, [document.body.dataset.networkFailed]);
    }
    input.closest("label").removeAttribute("aria-busy");
    input.value = "";
  });
}

function say(told, sentences) {
  const note = document.createElement("div");
  note.className = "note wrong";
  const list = document.createElement("ul");
  for (const sentence of sentences) list.append(Object.assign(document.createElement("li"), { textContent: sentence }));
  note.append(list);
  told.replaceChildren(note);
}
