import type { OutgoingBody } from "./dispatch-fetch.ts";

/**
 * A body in a form that goes straight onto the wire, and its content type in `headers` where it has one of its own. Forms
 * and blobs are taken into memory, so that their length is known: many services refuse an upload without one.
 */
export const outgoingBody = async (given: RequestInit["body"], headers: Headers): Promise<OutgoingBody> => {
  if (given === undefined || given === null) return null;
  if (given instanceof Uint8Array) return given;
  const packed = new Response(given);
  const type = packed.headers.get("content-type");
  if (type !== null && !headers.has("content-type")) headers.set("content-type", type);
  if (typeof given === "string") return given;
  return given instanceof ReadableStream ? given : new Uint8Array(await packed.arrayBuffer());
};
