import { GatewayError, type Limits } from "@parley/contracts";
import type { Response as Answer, Request, RequestHandler } from "express";
import express from "express";
import { allowBody } from "../body-times.ts";

/** Reads a multipart form, of at most `audioBytesMax` bytes. Throws `body_too_large`, `unsupported_media_type` or `bad_request`. */
export type ReadForm = (request: Request, response: Answer) => Promise<FormData>;

const FORM_TYPE = /^multipart\/form-data\s*;/i;
const FIELDS_MAX = 100;

export function formReader({
  audioBytesMax,
  uploadMs,
  uploadIdleMs,
}: Pick<Limits, "audioBytesMax" | "uploadMs" | "uploadIdleMs">): ReadForm {
  const raw: RequestHandler = express.raw({ type: () => true, limit: audioBytesMax, inflate: false });
  return async (request, response) => {
    const contentType = request.headers["content-type"] ?? "";
    if (!FORM_TYPE.test(contentType)) {
      throw new GatewayError("unsupported_media_type", { text: "The body must be multipart/form-data with a boundary." });
    }
    allowBody(request, response, { wholeMs: uploadMs, idleMs: uploadIdleMs });
    await new Promise<void>((resolve, reject) => {
      raw(request, response, (error?: unknown) => (error === undefined ? resolve() : reject(error as Error)));
    });
    const bytes: unknown = request.body;
    request.body = undefined;
    if (!(bytes instanceof Uint8Array)) throw new GatewayError("bad_request", { text: "The body is empty." });
    let form: FormData;
    try {
      form = await new Response(Uint8Array.from(bytes), { headers: { "content-type": contentType } }).formData();
    } catch (cause) {
      throw new GatewayError("bad_request", { text: "The body is no multipart form.", cause });
    }
    if ([...form.keys()].length > FIELDS_MAX) throw new GatewayError("bad_request", { text: `A form has at most ${FIELDS_MAX} fields.` });
    return form;
  };
}
