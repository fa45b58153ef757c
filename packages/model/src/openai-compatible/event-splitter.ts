/** Far above any event of a provider; the bound keeps a line without end from being gathered. */
const EVENT_CHARS_MAX = 8_388_608;

/** Cuts a response's text into the data of its server-sent events, wherever the network has cut it. */
export class EventSplitter {
  /** `[DONE]` was seen: nothing after it counts. */
  isDone = false;
  #rest = "";
  #data: string[] = [];

  /** The events that this piece completes. Throws a `RangeError` for one that is too large. */
  push(text: string): string[] {
    const from = this.#rest.length;
    const whole = from === 0 ? text : this.#rest + text;
    if (whole.length > EVENT_CHARS_MAX) throw new RangeError("an event of the stream is too large");
    const events: string[] = [];
    let start = 0;
    for (let end = whole.indexOf("\n", from); end !== -1 && !this.isDone; end = whole.indexOf("\n", start)) {
      const line = whole.charCodeAt(end - 1) === 13 && end > start ? whole.slice(start, end - 1) : whole.slice(start, end);
      start = end + 1;
      if (line.startsWith("data:")) this.#data.push(line.slice(line.charCodeAt(5) === 32 ? 6 : 5));
      if (line !== "" || this.#data.length === 0) continue;
      const event = this.#data.length === 1 ? (this.#data[0] ?? "") : this.#data.join("\n");
      this.#data = [];
      if (event === "[DONE]") this.isDone = true;
      else events.push(event);
    }
    this.#rest = whole.slice(start);
    return events;
  }
}
