import { GatewayError, type MediaFile, mediaId } from "@parley/contracts";

const FILE_NAME_CHARS_MAX = 255;

/** What a browser may show by itself on our origin: pictures, sound, films, PDFs and plain text. Never markup. */
const INLINE = /^(?:image\/(?:png|jpeg|gif|webp)|audio\/[\w.+-]+|video\/[\w.+-]+|application\/pdf|text\/plain)$/;

/** The last part of a file's name, without what could end a header or leave a folder; null where nothing is left. */
export function cleanFileName(name: string): string | null {
  const last = name.split(/[/\\]/).at(-1) ?? "";
  const clean = last
    .replace(/[\u0000-\u001f\u007f]/g, "")
    .toWellFormed()
    .trim();
  return clean === "" || clean === "." || clean === ".." ? null : clean.slice(0, FILE_NAME_CHARS_MAX).toWellFormed();
}

const percentEncoded = (text: string): string =>
  encodeURIComponent(text).replace(/['()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);

/** How a browser is to take a file; what is not shown is saved. */
export function dispositionOf({ fileName, id, contentType }: MediaFile): string {
  const name = fileName ?? id;
  const plain = name.replace(/[^\x20-\x7e]/g, "_").replace(/["\\]/g, "_");
  return `${INLINE.test(contentType) ? "inline" : "attachment"}; filename="${plain}"; filename*=UTF-8''${percentEncoded(name)}`;
}

const isText = (contentType: string): boolean => contentType.startsWith("text/") || contentType === "application/json";

export const contentTypeOf = ({ contentType }: MediaFile): string => (isText(contentType) ? `${contentType}; charset=utf-8` : contentType);

export const etagOf = ({ sha256 }: MediaFile): string => `"${sha256.slice(0, 40)}"`;

const ID_CHARS_MAX = 200;

/** The id in a path. Throws `bad_request` with the words that clients of this door know, `not_found` for one that no file can have. */
export function readMediaId(given: unknown): string {
  const id = String(given);
  const refuse = (text: string): never => {
    throw new GatewayError("bad_request", { text });
  };
  if (id.length > ID_CHARS_MAX) refuse("Media ID too long");
  if (id === "." || id.includes("..") || /[/\\\0]/.test(id)) refuse("Invalid media ID");
  if (!/^[A-Za-z0-9._-]+$/.test(id)) refuse("Media ID contains invalid characters");
  const known = mediaId.safeParse(id);
  if (!known.success) throw new GatewayError("not_found");
  return known.data;
}
