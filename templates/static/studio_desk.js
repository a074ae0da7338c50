// The desk: only the questions of the chosen card are shown.

const form = document.querySelector("form:has(.desk-asks)");

function sort() {
  const chosen = form.querySelector("input[name=template]:checked, input[name=template][type=hidden]")?.value;
  for (const group of form.querySelectorAll(".desk-asks")) {
    group.hidden = group.dataset.of !== chosen;
    group.disabled = group.hidden;
  }
}

if (form) {
  form.addEventListener("change", sort);
  sort();
}
