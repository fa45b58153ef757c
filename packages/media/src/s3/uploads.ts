import { GatewayError } from "@parley/contracts";
import type { AskS3 } from "./s3-client.ts";

/** The text of each such element. What S3 writes here has no nesting of a name in itself. */
const elements = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, "g"))].map(([, text = ""]) => unescaped(text));

const ENTITIES: Record<string, string> = { "&lt;": "<", "&gt;": ">", "&quot;": '"', "&apos;": "'", "&amp;": "&" };
const unescaped = (text: string): string => text.replace(/&(?:lt|gt|quot|apos|amp);/g, (entity) => ENTITIES[entity] ?? entity);
const escaped = (text: string): string => text.replace(/[<>&"]/g, (letter) => `&#${letter.charCodeAt(0)};`);

/** A file in parts: there once all are in and it is completed, not there before. */
export function createUploads(ask: AskS3, prefix: string) {
  const abort = async (key: string, uploadId: string): Promise<void> => {
    const response = await ask({ method: "DELETE", key, query: { uploadId }, expected: [404] });
    await response.body?.cancel();
  };

  async function writePart(key: string, uploadId: string, number: number, body: Uint8Array<ArrayBuffer>): Promise<string> {
    const query = { partNumber: String(number), uploadId };
    const response = await ask({ method: "PUT", key, query, body, headers: { "content-length": String(body.byteLength) } });
    await response.body?.cancel();
    const tag = response.headers.get("etag");
    if (tag === null) throw new GatewayError("storage_unavailable", { detail: "S3 gave a part no ETag" });
    return `<Part><PartNumber>${number}</PartNumber><ETag>${escaped(tag)}</ETag></Part>`;
  }

  async function complete(key: string, uploadId: string, parts: string[]): Promise<void> {
    const body = `<CompleteMultipartUpload>${parts.join("")}</CompleteMultipartUpload>`;
    const response = await ask({ method: "POST", key, query: { uploadId }, body });
    // It may say 200 and fail afterwards.
    if ((await response.text()).includes("<Error>")) throw new GatewayError("storage_unavailable", { detail: "S3 did not join the parts" });
  }

  return {
    async write(key: string, bodies: AsyncIterable<Uint8Array<ArrayBuffer>>): Promise<void> {
      const begun = await ask({ method: "POST", key, query: { uploads: "" } });
      const [uploadId] = elements(await begun.text(), "UploadId");
      if (uploadId === undefined) throw new GatewayError("storage_unavailable", { detail: "S3 began no upload" });
      try {
        const parts: string[] = [];
        for await (const body of bodies) parts.push(await writePart(key, uploadId, parts.length + 1, body));
        await complete(key, uploadId, parts);
      } catch (error) {
        // Where this fails, too, the file's removal finds the parts by their key.
        await abort(key, uploadId).catch(() => undefined);
        throw error;
      }
    },

    /** Ends the uploads of a key that nobody will complete. */
    async abortAll(key: string): Promise<void> {
      // Services that know no parts have none to end.
      const query = { uploads: "", prefix: `${prefix}${key}` };
      const response = await ask({ method: "GET", key: "", query, expected: [404, 405, 501] });
      for (const uploadId of elements(await response.text(), "UploadId")) await abort(key, uploadId);
    },
  };
}
