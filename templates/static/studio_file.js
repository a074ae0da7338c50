// A text file becomes the text of a field: <label data-file="#field"> with an <input type="file"> in it.

const LARGEST = 64 * 1024;

for (const label of document.querySelectorAll("[data-file]")) {
  label.hidden = false;
  label.querySelector("input").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    const field = document.querySelector(label.dataset.file);
    if (file && file.size <= LARGEST) field.value = await file.text();
    event.target.value = "";
    field.focus();
  });
}
