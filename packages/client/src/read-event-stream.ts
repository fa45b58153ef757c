export interface Frame {
  event: string;
  data: string;
  id: string | null;
}

/** A frame is one event; longer than this it is no event of ours. */
const FRAME_CHARS_MAX = 16_777_216;

/** The frames of a `text/event-stream` body, as they come. Comments are left out. Throws when the connection breaks. */
export async function* readEventStream(body: ReadableStream<Uint8Array>, onBytes: () => void): AsyncGenerator<Frame, void> {
  const decoder = new TextDecoder();
  let rest = "";
  // A reader and not `for await`: some browsers cannot iterate a stream yet.
  const reader = body.getReader();
  try {
    for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
      onBytes();
      rest = (rest + decoder.decode(chunk.value, { stream: true })).replaceAll("\r\n", "\n");
      if (rest.length > FRAME_CHARS_MAX) throw new Error("The stream sent a frame that is too long.");
      const blocks = rest.split("\n\n");
      rest = blocks.pop() ?? "";
      for (const block of blocks) {
        const frame = readFrame(block);
        if (frame) yield frame;
      }
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function readFrame(block: string): Frame | null {
  const frame: Frame = { event: "message", data: "", id: null };
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const colon = line.indexOf(":");
    if (colon === 0) continue;
    const name = colon === -1 ? line : line.slice(0, colon);
    const value = colon === -1 ? "" : line.slice(line[colon + 1] === " " ? colon + 2 : colon + 1);
    if (name === "data") data.push(value);
    else if (name === "event") frame.event = value;
    else if (name === "id") frame.id = value;
  }
  if (data.length === 0) return null;
  frame.data = data.join("\n");
  return frame;
}
