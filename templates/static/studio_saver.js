// Saves edits as they come: one request at a time, in order, what is typed twice sent once. Nothing is dropped silently.

const RETRY = [1000, 3000, 8000, 20000];

export class Saver {
  // events: answered(answer, {reload}), overlapped(overlap), refused(rows, edits), state(name)
  constructor({ url, brand, number, events }) {
    Object.assign(this, { url, brand, number, events, queue: [], reload: false, timer: 0, running: null, failures: 0, held: null });
    window.addEventListener("beforeunload", (event) => {
      if (this.busy) event.preventDefault();
    });
    window.addEventListener("online", () => this.flush());
  }

  get busy() {
    return this.queue.length > 0 || this.running !== null || this.held !== null;
  }

  // A text while it is typed waits a moment for its next letter; anything else goes at once.
  put(edits, { reload = false, wait = 0 } = {}) {
    for (const edit of edits) this.#add(edit);
    this.reload ||= reload;
    clearTimeout(this.timer);
    if (wait) this.timer = setTimeout(() => this.flush(), wait);
    else return this.flush();
    this.events.state("saving");
    return Promise.resolve();
  }

  #add(edit) {
    const name = nameOf(edit);
    if (name) {
      for (let place = this.queue.length - 1; place >= 0; place--) {
        const other = nameOf(this.queue[place]);
        if (other === name) {
          this.queue[place] = edit;
          return;
        }
        if (!other) break; // past what moves places around, the same place is another one
      }
    }
    this.queue.push(edit);
  }

  async flush() {
    clearTimeout(this.timer);
    while (this.running) await this.running;
    if (!this.queue.length || this.held) return;
    this.running = this.#send();
    try {
      await this.running;
    } finally {
      this.running = null;
    }
    if (this.queue.length && !this.failures) await this.flush();
  }

  async #send() {
    const edits = this.queue.splice(0, 400);
    const reload = this.reload;
    this.reload = false;
    this.events.state("saving");
    const answer = await this.ask("edits", { base: this.number, edits });
    if (answer === null) {
      this.queue.unshift(...edits);
      this.reload ||= reload;
      this.events.state("unsaved");
      this.timer = setTimeout(() => this.flush(), RETRY[Math.min(this.failures++, RETRY.length - 1)]);
      return;
    }
    this.failures = 0;
    this.#take(answer, edits, reload);
  }

  #take(answer, edits, reload) {
    if (answer.overlap) {
      this.held = { edits, reload };
      this.events.overlapped(answer.overlap, edits);
    } else if (answer.refused) {
      this.events.refused(answer.refused, edits);
    } else {
      this.number = answer.number;
      this.events.answered(answer, { reload: reload || answer.others?.length > 0 });
    }
  }

  // What to do about an overlap: send mine on top of theirs, or forget mine.
  async settle(number, keepMine) {
    const { edits, reload } = this.held;
    this.held = null;
    this.number = number;
    if (keepMine) {
      this.queue.unshift(...edits);
      this.reload ||= reload;
    } else {
      this.events.forgotten();
    }
    await this.flush();
  }

  async travel(way) {
    await this.flush();
    if (this.held) return;
    const answer = await this.ask(way, { base: this.number });
    if (answer === null) this.events.state("unsaved");
    else if (answer.overlap) {
      this.number = answer.overlap.number; // somebody else was here: show it first
      this.events.answered({ ...answer, number: this.number, others: [{ author: answer.overlap.who }] }, { reload: true });
    } else this.#take(answer, [], true);
  }

  async upload(query, content) {
    await this.flush();
    const asked = new URLSearchParams({ brand: this.brand, base: this.number, ...query });
    this.events.state("uploading");
    const answer = await this.#fetch(`${this.url}/pictures?${asked}`, { body: content, headers: { "Content-Type": "application/octet-stream" } });
    if (answer === null) this.events.state("unsaved");
    else if (answer.overlap) {
      this.number = answer.overlap.number;
      return this.upload(query, content);
    } else this.#take(answer, [], true);
    return answer;
  }

  ask(what, values) {
    return this.#fetch(`${this.url}/${what}`, { body: JSON.stringify({ brand: this.brand, ...values }), headers: { "Content-Type": "application/json" } });
  }

  // The answer as values; null where the same may succeed later.
  async #fetch(address, { body, headers }) {
    try {
      const response = await fetch(address, { method: "POST", body, headers: { Accept: "application/json", ...headers } });
      if (response.status >= 500 || response.status === 429 || response.status === 401) return null;
      const answer = await response.json();
      if (response.ok || answer.overlap || answer.refused) return answer;
      return { refused: [{ pointer: "", sentence: answer.detail || answer.title || "", fix: "" }] };
    } catch {
      return null;
    }
  }
}

// The place an edit writes to and moves nothing: later values replace earlier ones.
function nameOf(edit) {
  if (edit.op === "set") return `set ${edit.path}`;
  if (edit.op === "translate") return `translate ${edit.language} ${edit.source}`;
  return null;
}
