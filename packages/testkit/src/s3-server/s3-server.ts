import { createHash, randomBytes } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { isSigned, type S3Keys } from "./signature.ts";

export interface S3Server extends S3Keys {
  url: string;
  /** `host:port`, as allow-lists name it. */
  host: string;
  bucket: string;
  /** What is kept, by key. */
  objects: Map<string, Buffer>;
  /** Parts of files that nobody has completed, by the upload's id. */
  uploads: Map<string, { key: string; parts: Map<number, Buffer> }>;
  /** Method and path with query, in order. */
  requests: string[];
  /** The next so many requests are answered 503. */
  failNext: number;
  close(): Promise<void>;
}

const collected = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
};

const tagOf = (bytes: Buffer): string => `"${createHash("md5").update(bytes).digest("hex")}"`;

/** A bucket in memory over real HTTP. What is not signed as it must be is refused. */
export async function startS3Server(): Promise<S3Server> {
  const keys: S3Keys = {
    accessKeyId: `AK${randomBytes(8).toString("hex")}`,
    secretAccessKey: randomBytes(20).toString("base64"),
    region: "eu-test-1",
  };
  const bucket = "files";
  const objects: S3Server["objects"] = new Map();
  const uploads: S3Server["uploads"] = new Map();
  const requests: string[] = [];

  async function onUpload(request: IncomingMessage, response: ServerResponse, { key, query }: { key: string; query: URLSearchParams }) {
    const id = query.get("uploadId") ?? "";
    const upload = uploads.get(id);
    if (upload === undefined || upload.key !== key) return void response.writeHead(404).end();
    const body = await collected(request);
    if (request.method === "DELETE") {
      uploads.delete(id);
      response.writeHead(204).end();
    } else if (request.method === "PUT") {
      upload.parts.set(Number(query.get("partNumber")), body);
      response.writeHead(200, { etag: tagOf(body) }).end();
    } else {
      const named = [...body.toString().matchAll(/<PartNumber>(\d+)<\/PartNumber><ETag>&#34;([0-9a-f]+)&#34;<\/ETag>/g)];
      const parts = named.map(([, number, tag]) => ({ bytes: upload.parts.get(Number(number)), tag: `"${tag}"` }));
      const fits = parts.length > 0 && parts.every(({ bytes, tag }) => bytes !== undefined && tagOf(bytes) === tag);
      if (fits) {
        objects.set(key, Buffer.concat(parts.flatMap(({ bytes }) => bytes ?? [])));
        uploads.delete(id);
      }
      response.writeHead(200).end(fits ? "<CompleteMultipartUploadResult/>" : "<Error><Code>InvalidPart</Code></Error>");
    }
  }

  async function onObject(request: IncomingMessage, response: ServerResponse, key: string) {
    if (request.method === "PUT") {
      if (request.headers["content-length"] === undefined) return void response.writeHead(411).end();
      objects.set(key, await collected(request));
      response.writeHead(200).end();
    } else if (request.method === "DELETE") {
      objects.delete(key);
      response.writeHead(204).end();
    } else {
      const bytes = objects.get(key);
      if (bytes === undefined) return void response.writeHead(404).end("<Error><Code>NoSuchKey</Code></Error>");
      const [, start, end] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? "") ?? [];
      if (start === undefined) response.writeHead(200, { "content-length": bytes.length }).end(bytes);
      else response.writeHead(206).end(bytes.subarray(Number(start), Number(end) + 1));
    }
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", `http://${request.headers.host}`);
    requests.push(`${request.method} ${request.url}`);
    if (!isSigned({ method: request.method ?? "", url, headers: request.headers }, keys)) return void response.writeHead(403).end();
    if (server.failNext > 0) {
      server.failNext -= 1;
      return void response.writeHead(503).end();
    }
    const [, named, ...rest] = url.pathname.split("/");
    const key = rest.join("/");
    const query = url.searchParams;
    if (named !== bucket) return void response.writeHead(404).end();
    if (key === "" && query.has("uploads")) {
      const under = [...uploads].filter(([, upload]) => upload.key.startsWith(query.get("prefix") ?? ""));
      response.writeHead(200).end(under.map(([id]) => `<Upload><UploadId>${id}</UploadId></Upload>`).join(""));
    } else if (query.has("uploads")) {
      const id = randomBytes(8).toString("hex");
      uploads.set(id, { key, parts: new Map() });
      response.writeHead(200).end(`<InitiateMultipartUploadResult><UploadId>${id}</UploadId></InitiateMultipartUploadResult>`);
    } else if (query.has("uploadId")) await onUpload(request, response, { key, query });
    else await onObject(request, response, key);
  }

  const http = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => http.listen(0, "127.0.0.1", resolve));
  const { port } = http.address() as AddressInfo;
  const server: S3Server = {
    ...keys,
    ...{ url: `http://127.0.0.1:${port}`, host: `127.0.0.1:${port}`, bucket, objects, uploads, requests, failNext: 0 },
    close: () =>
      new Promise((resolve) => {
        http.close(() => resolve());
        http.closeAllConnections();
      }),
  };
  return server;
}
