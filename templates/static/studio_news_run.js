// A news on its way: its figures by server-sent events, else by asking again and again; a count that is not done yet is asked for.

const POLL = 3000;
const again = document.querySelector("[data-again]");
if (again) setTimeout(() => location.replace(again.dataset.again), 1000);

const holder = document.getElementById("progress");
if (holder?.dataset.events) {
  const source = new EventSource(holder.dataset.events);
  let timer = 0;

  const take = (text) => {
    const answer = JSON.parse(text);
    if (answer.state !== holder.dataset.state) {
      source.close();
      clearTimeout(timer);
      location.reload(); // other buttons, and what came of it
      return;
    }
    holder.innerHTML = answer.html;
  };
  const poll = async () => {
    try {
      const response = await fetch(holder.dataset.poll, { headers: { Accept: "application/json" } });
      if (response.ok) take(await response.text());
    } catch { /* tried again */ }
    timer = setTimeout(poll, POLL);
  };
  source.addEventListener("message", (event) => {
    clearTimeout(timer);
    timer = setTimeout(poll, 25_000); // longer than its signs of life: something on the way keeps them back
    take(event.data);
  });
  source.addEventListener("error", () => {
    if (source.readyState !== EventSource.CLOSED) return; // the browser comes again by itself
    clearTimeout(timer);
    timer = setTimeout(poll, POLL);
  });
  timer = setTimeout(poll, 25_000);
  window.addEventListener("pagehide", () => source.close());
}
