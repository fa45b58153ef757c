import type { Readable } from "node:stream";
import { GatewayError, ttlSeconds } from "@parley/contracts";
import type { Upload } from "@parley/domain";
import busboy from "busboy";
import type { Request } from "express";
import { cleanFileName } from "./file-headers.ts";

/** A body that stops early is the caller's doing. */
const brokenOff = (cause?: unknown): GatewayError => new GatewayError("bad_request", { text: "The upload broke off.", cause });

/** The stream's bytes, as they are asked for. It is left open behind a reader that stops, so that an answer can still be given over it. */
async function* bytesOf(stream: Readable): AsyncGenerator<Uint8Array, void> {
  try {
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) yield chunk as Uint8Array;
  } catch (cause) {
    throw brokenOff(cause);
  }
}

/** The file of a request: its body, or the part `file` of a form. Throws `bad_request`, `unsupported_media_type`. */
export async function readUpload(request: Request): Promise<Upload> {
  const { headers, query } = request;
  if (headers["content-encoding"] !== undefined && headers["content-encoding"] !== "identity") {
    throw new GatewayError("unsupported_media_type", { text: "The body must not be packed." });
  }
  const ttl = ttlSeconds.nullish().safeParse(query["ttl_seconds"]);
  if (!ttl.success) throw new GatewayError("bad_request", { text: "ttl_seconds must be a whole number of seconds, at most ten years." });
  const keep = { ttlSeconds: ttl.data ?? null };
  if (headers["content-type"]?.toLowerCase().startsWith("multipart/form-data") === true) return { ...(await fileOfForm(request)), ...keep };
  const length = headers["content-length"];
  if (length === undefined && headers["transfer-encoding"] === undefined)
    throw new GatewayError("bad_request", { text: "There is no body." });
  return {
    ...keep,
    fileName: cleanFileName(headerText(headers["x-filename"])),
    contentType: headers["content-type"] ?? null,
    size: length === undefined ? null : Number(length),
    bytes: bytesOf(request),
  };
}

/** Headers bear no letters beyond ASCII by themselves: percent escapes stand for them. */
function headerText(header: string | string[] | undefined): string {
  if (typeof header !== "string") return "";
  try {
    return decodeURIComponent(header);
  } catch {
    return header;
  }
}

function fileOfForm(request: Request): Promise<Omit<Upload, "ttlSeconds">> {
  return new Promise((resolve, reject) => {
    const malformed = (cause?: unknown): void =>
      reject(new GatewayError("bad_request", { text: "The form is malformed, or has no part named file.", cause }));
    let form: busboy.Busboy;
    try {
      form = busboy({
        headers: request.headers,
        defParamCharset: "utf8",
        limits: { files: 1, fields: 20, fieldSize: 10_000, headerPairs: 50 },
      });
    } catch (cause) {
      malformed(cause);
      return;
    }
    form.on("file", (name, stream, { filename, mimeType }) => {
      if (name !== "file") {
        stream.resume();
        return;
      }
      resolve({ fileName: cleanFileName(filename ?? ""), contentType: mimeType, size: null, bytes: bytesOf(stream) });
    });
    form.on("error", malformed);
    form.on("close", () => malformed());
    request.once("close", () => {
      if (!request.complete) form.destroy(brokenOff());
    });
    request.pipe(form);
  });
}
