/** What stands where a credential stood. */
const MARK = "[secret]";

const inJson = (text: string): string => JSON.stringify(text).slice(1, -1);

/** Texts as they come in pieces, without what is taken out, also where it is spread over several. */
export interface ScrubbedPieces {
  /** What may be passed on by now. */
  take(piece: string): string;
  /** What was kept back until it was known what follows. */
  rest(): string;
}

/**
 * Takes credentials out of what comes back from where they were shown: as they are, and as JSON, base64 and an address write them. What was added cannot be read
 * from it.
 */
export class Scrubber {
  readonly #forms = new Set<string>();

  add(secret: string): void {
    if (secret === "") return;
    const [base64, base64url] = [Buffer.from(secret).toString("base64"), Buffer.from(secret).toString("base64url")];
    // A text of JSON may itself stand in JSON.
    const forms = [secret, inJson(secret), inJson(inJson(secret)), encodeURIComponent(secret.toWellFormed())];
    for (const form of [...forms, base64, base64.replace(/=+$/, ""), base64url]) this.#forms.add(form);
  }

  text(text: string): string {
    return this.#longestFirst().reduce((left, form) => left.replaceAll(form, MARK), text);
  }

  /** Of what JSON can say: its texts and names. The same value where there is nothing to take out. */
  value<Value>(value: Value): Value {
    if (this.#forms.size === 0 || value === undefined) return value;
    const json = JSON.stringify(value);
    return this.text(json) === json ? value : (this.#clean(value) as Value);
  }

  bytes(bytes: Buffer): Buffer {
    const holds = [...this.#forms].some((form) => bytes.includes(form));
    if (!holds) return bytes;
    const latin1 = (text: string): string => Buffer.from(text).toString("latin1");
    const clean = this.#longestFirst().reduce((left, form) => left.replaceAll(latin1(form), MARK), bytes.toString("latin1"));
    return Buffer.from(clean, "latin1");
  }

  pieces(): ScrubbedPieces {
    let kept = "";
    return {
      take: (piece) => {
        const text = this.text(kept + piece);
        kept = text.slice(text.length - this.#begunAtEnd(text));
        return text.slice(0, text.length - kept.length);
      },
      rest: () => {
        const last = kept;
        kept = "";
        return last;
      },
    };
  }

  /** Not by the text of the JSON: a form may reach over what JSON writes around it. */
  #clean(value: unknown): unknown {
    if (typeof value === "string") return this.text(value);
    if (Array.isArray(value)) return value.map((one) => this.#clean(one));
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [this.text(name), this.#clean(one)]));
  }

  /** A form may stand in another one: what is left of the longer one would still tell of it. */
  #longestFirst(): string[] {
    return [...this.#forms].toSorted((one, other) => other.length - one.length);
  }

  /** Characters at the end with which one of the forms may have begun. */
  #begunAtEnd(text: string): number {
    const begun = [...this.#forms].map((form) => {
      for (let length = Math.min(form.length - 1, text.length); length > 0; length -= 1)
        if (text[text.length - length] === form[0] && form.startsWith(text.slice(text.length - length))) return length;
      return 0;
    });
    return Math.max(0, ...begun);
  }
}
