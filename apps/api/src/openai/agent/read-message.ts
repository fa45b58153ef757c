import { isObject } from "@parley/contracts";
import { type Json, objectsIn, wrong } from "../call.ts";

/** What a message says, and the addresses of what it shows. */
export interface SaidMessage {
  text: string;
  files: string[];
}

type Place = (string | number)[];

function fileOf(part: Json, place: Place): string {
  const url = isObject(part.image_url) ? part.image_url.url : part.image_url;
  if (typeof url !== "string") throw wrong([...place, "image_url"], "A picture has an address.");
  if (!/^https?:\/\//.test(url))
    throw wrong([...place, "image_url", "url"], "An agent takes pictures by their http address.", "unsupported_value");
  return url;
}

/** A message for an agent: texts, and pictures by their address. */
export function readMessage({ content }: Json, place: Place): SaidMessage {
  if (typeof content === "string") return { text: content, files: [] };
  const texts: string[] = [];
  const files: string[] = [];
  for (const [index, part] of objectsIn(content).entries()) {
    if (part.type === "text" && typeof part.text === "string") texts.push(part.text);
    else if (part.type === "image_url") files.push(fileOf(part, [...place, "content", index]));
    else
      throw wrong([...place, "content", index, "type"], `An agent does not take parts of type ${String(part.type)}.`, "unsupported_value");
  }
  return { text: texts.join("\n"), files };
}

/** The text of a message, whatever else it has. */
export const textIn = (content: unknown): string =>
  typeof content === "string"
    ? content
    : objectsIn(content)
        .flatMap(({ text }) => (typeof text === "string" ? [text] : []))
        .join("\n");
