import { type Limits, MEDIA_SCHEME, type MediaFile } from "@parley/contracts";
import type { Log } from "../logger.ts";
import type { ModelMessage } from "../model/model.ts";
import { enclosed } from "../turn/enclosed.ts";
import { type BlobStore, blobKey } from "./blob-store.ts";
import type { MediaStore } from "./media-store.ts";

export interface FilePorts {
  media: Pick<MediaStore, "find">;
  blobs: Pick<BlobStore, "open">;
  log: Log;
  limits: Pick<Limits, "mediaPromptBytesMax">;
}

/** Fills in what messages name of uploaded files, newest first. */
export type ShowFiles = (messages: ModelMessage[]) => Promise<ModelMessage[]>;

type UserMessage = Extract<ModelMessage, { role: "user" }>;
type Shown = { url: string } | { text: string };

const IN_TEXT = /^text\/|^application\/json$/;
const AS_DATA = /^image\/|^application\/pdf$/;

const isUploaded = (file: string): boolean => file.startsWith(MEDIA_SCHEME);

/**
 * For one turn: images and PDFs become data URLs, texts stand in the message within an enclosure. What is too much, missing or of another
 * type is named and no more. Files are read once, and held for as long as the turn runs.
 */
export function createFileShow({ media, blobs, log, limits }: FilePorts, organizationId: string): ShowFiles {
  const read = new Map<string, Promise<Shown>>();
  let bytesLeft = limits.mediaPromptBytesMax;

  async function show(id: string): Promise<Shown> {
    const [file] = await media.find(organizationId, [id]);
    if (file === undefined || file.expired) return { text: `[file ${id}: it is not kept any more]` };
    const named = (note: string) => ({ text: describe(file, note) });
    const inText = IN_TEXT.test(file.contentType);
    if (!inText && !AS_DATA.test(file.contentType)) return named(": its content cannot be shown here");
    if (file.size > bytesLeft) return named(": too large to be shown here");
    bytesLeft -= file.size;
    const bytes = await blobs.open(blobKey(organizationId, id), null);
    if (bytes === null) return named(": it is not kept any more");
    const content = await collected(bytes);
    if (inText) return { text: `${describe(file, "")}\n${enclosed("file_content", content.toString("utf8").replaceAll("\0", ""))}` };
    return { url: `data:${file.contentType};base64,${content.toString("base64")}` };
  }

  /** One that cannot be read now may be at the next step. */
  function shown(id: string): Promise<Shown> {
    const known = read.get(id);
    if (known !== undefined) return known;
    const reading = show(id).catch((error: unknown): Shown => {
      log.warn({ err: error, mediaId: id }, "a file could not be shown to the model");
      read.delete(id);
      return { text: `[file ${id}: it cannot be read now]` };
    });
    read.set(id, reading);
    return reading;
  }

  async function filled(message: UserMessage): Promise<UserMessage> {
    const files: string[] = [];
    const texts = [message.content];
    for (const file of message.files ?? []) {
      const one = isUploaded(file) ? await shown(file.slice(MEDIA_SCHEME.length)) : { url: file };
      if ("url" in one) files.push(one.url);
      else texts.push(one.text);
    }
    const content = texts.filter((text) => text !== "").join("\n\n");
    return files.length === 0 ? { role: "user", content } : { role: "user", content, files };
  }

  return async (messages) => {
    if (!messages.some((message) => message.role === "user" && message.files?.some(isUploaded))) return messages;
    const told = [...messages];
    for (const [index, message] of [...messages.entries()].toReversed()) {
      if (message.role === "user" && message.files?.some(isUploaded)) told[index] = await filled(message);
    }
    return told;
  };
}

/** Its name is somebody's text, too. */
function describe({ id, fileName, contentType, size }: MediaFile, note: string): string {
  const said = `[file ${id} (${contentType}, ${size} bytes)${note}]`;
  return fileName === null ? said : `${said}\n${enclosed("file_name", fileName)}`;
}

async function collected(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of bytes) chunks.push(chunk);
  return Buffer.concat(chunks);
}
