/** One frame of an event stream, comments left out. */
export interface Frame {
  id: string | null;
  event: string | null;
  data: string;
}

/** The frames of a `text/event-stream` body. Throws what breaks the connection. */
export async function* eventFrames(body: AsyncIterable<Uint8Array>): AsyncGenerator<Frame, void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const bytes of body) {
    rest += decoder.decode(bytes, { stream: true });
    const blocks = rest.split("\n\n");
    rest = blocks.pop() ?? "";
    for (const block of blocks) {
      const frame = readFrame(block);
      if (frame) yield frame;
    }
  }
}

function readFrame(block: string): Frame | null {
  const frame: Frame = { id: null, event: null, data: "" };
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [, name, value = ""] = /^([^:]*): ?(.*)$/.exec(line) ?? [];
    if (name === "id") frame.id = value;
    if (name === "event") frame.event = value;
    if (name === "data") data.push(value);
  }
  return data.length === 0 ? null : { ...frame, data: data.join("\n") };
}
