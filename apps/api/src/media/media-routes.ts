import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { GatewayError, type Limits, type MediaFile } from "@parley/contracts";
import type { Caller, Gateway, Log } from "@parley/domain";
import { authorize, type RouteName, routeRow } from "@parley/router";
import { type Request, type RequestHandler, type Response, Router } from "express";
import { allowBody } from "../body-times.ts";
import { onceOf } from "../once-of.ts";
import { answerPlainErrors } from "../plain-error.ts";
import { sendJson } from "../send-json.ts";
import type { VisitorOf } from "../visitors.ts";
import { wantedRange } from "./byte-range.ts";
import { contentTypeOf, dispositionOf, etagOf, readMediaId } from "./file-headers.ts";
import { readUpload } from "./read-upload.ts";

export interface MediaDependencies {
  gateway: Gateway;
  log: Log;
  visitorOf: VisitorOf;
  /** Starts the addresses of files; empty where nobody said under which address this gateway is known. */
  publicUrl: string;
  limits: Pick<Limits, "uploadMs" | "uploadIdleMs">;
}

/** `POST /media`, `GET /media/:id`, `/media/:id/meta`, `DELETE /media/:id`. Errors are `{error}`. */
export function mediaRoutes({ gateway, log, visitorOf, publicUrl, limits }: MediaDependencies): Router {
  const callerOf = (request: Request, response: Response, route: RouteName): Promise<Caller> =>
    authorize(visitorOf(request, response), routeRow(route));

  const upload: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "media.upload");
    const once = onceOf(request, "media.upload");
    allowBody(request, response, { wholeMs: limits.uploadMs, idleMs: limits.uploadIdleMs });
    try {
      const file = await gateway.uploadMedia(caller, await readUpload(request), once);
      sendJson(response, 201, { ...rowOf(file), url: `${publicUrl}/media/${file.id}` });
    } finally {
      // Who was refused in the middle reads the answer once the rest is said; the connection ends then.
      if (!request.readableEnded) response.setHeader?.("connection", "close");
      request.unpipe();
      request.resume();
    }
  };

  const open: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "media.get");
    const { file, read } = await gateway.openMedia(caller, readMediaId(request.params["mediaId"]));
    if (isKnown(request, file)) {
      writeFileHeaders(response, file);
      response.status(304).end();
      return;
    }
    const wanted = wantedRange(isRangeWanted(request, file) ? request.headers.range : undefined, file.size);
    if (wanted.kind === "none") {
      response.setHeader("content-range", `bytes */${file.size}`);
      throw new GatewayError("range_not_satisfiable");
    }
    const range = wanted.kind === "part" ? wanted.range : null;
    const length = range === null ? file.size : range.end - range.start + 1;
    const bytes = request.method === "HEAD" || length === 0 ? null : await read(range);
    writeFileHeaders(response, file);
    if (range !== null) response.status(206).setHeader("content-range", `bytes ${range.start}-${range.end}/${file.size}`);
    response.setHeader("content-length", length);
    if (bytes === null) response.end();
    else await send(bytes, response);
  };

  const meta: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "media.meta");
    const file = await gateway.getMedia(caller, readMediaId(request.params["mediaId"]));
    sendJson(response, 200, { contentType: file.contentType, savedAt: Date.parse(file.createdAt), ...rowOf(file) });
  };

  const remove: RequestHandler = async (request, response) => {
    const caller = await callerOf(request, response, "media.delete");
    const id = readMediaId(request.params["mediaId"]);
    await gateway.deleteMedia(caller, id, onceOf(request, "media.delete"));
    sendJson(response, 200, { id, deleted: true });
  };

  const router = Router()
    .post("/media", upload)
    .get("/media/:mediaId/meta", meta)
    .get("/media/:mediaId", open)
    .delete("/media/:mediaId", remove);
  const nothing: RequestHandler = (request) => {
    throw new GatewayError(/^\/(?:[^/]+(?:\/meta)?)?$/.test(request.path) ? "method_not_allowed" : "not_found");
  };
  return router.use("/media", nothing).use("/media", answerPlainErrors(log));
}

const rowOf = (file: MediaFile) => ({
  id: file.id,
  content_type: file.contentType,
  size: file.size,
  file_name: file.fileName,
  sha256: file.sha256,
  created_at: file.createdAt,
  expires_at: file.expiresAt,
});

function writeFileHeaders(response: Response, file: MediaFile): void {
  response.setHeader("content-type", contentTypeOf(file));
  response.setHeader("content-disposition", dispositionOf(file));
  response.setHeader("cache-control", "private, no-cache");
  response.setHeader("accept-ranges", "bytes");
  response.setHeader("etag", etagOf(file));
  response.setHeader("last-modified", new Date(file.createdAt).toUTCString());
}

/** A proxy that packs an answer calls its tag weak; it is the same file. */
const isKnown = ({ headers }: Request, file: MediaFile): boolean =>
  headers["if-none-match"]?.split(",").some((tag) => [etagOf(file), "*"].includes(tag.trim().replace(/^W\//, ""))) ?? false;

/** A part is wanted only of the file that the client knows. */
function isRangeWanted({ headers }: Request, file: MediaFile): boolean {
  const known = headers["if-range"];
  if (typeof known !== "string") return true;
  return known.startsWith('"') ? known === etagOf(file) : Date.parse(known) === Math.floor(Date.parse(file.createdAt) / 1_000) * 1_000;
}

/** As fast as the client takes it. One that leaves lets go of the file; a file that breaks off cuts the answer. */
async function send(bytes: AsyncIterable<Uint8Array>, response: Response): Promise<void> {
  const source = bytes instanceof Readable ? bytes : Readable.from(bytes, { objectMode: false, highWaterMark: 65_536 });
  await pipeline(source, response).catch((error: unknown) => {
    if (!response.destroyed || response.writableFinished) throw error;
  });
}
