import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import type { IncomingHttpHeaders } from "node:http";

export interface S3Keys {
  accessKeyId: string;
  secretAccessKey: string;
  region: string;
}

interface SignedRequest {
  method: string;
  url: URL;
  headers: IncomingHttpHeaders;
}

const AUTHORIZATION =
  /^AWS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/s3\/aws4_request, ?SignedHeaders=([a-z0-9;-]+), ?Signature=([0-9a-f]{64})$/;

const hmac = (key: string | Buffer, text: string): Buffer => createHmac("sha256", key).update(text).digest();
const encoded = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (letter) => `%${letter.charCodeAt(0).toString(16).toUpperCase()}`);

/** Whether a request bears the right Signature Version 4, reckoned anew from the public description of it. */
export function isSigned({ method, url, headers }: SignedRequest, keys: S3Keys): boolean {
  const [, keyId, day, region, names = "", signature = ""] = AUTHORIZATION.exec(headers.authorization ?? "") ?? [];
  const date = String(headers["x-amz-date"]);
  if (keyId !== keys.accessKeyId || region !== keys.region || !date.startsWith(String(day))) return false;
  const signedNames = names.split(";");
  if (!signedNames.includes("host") || !signedNames.includes("x-amz-date")) return false;
  const query = [...url.searchParams].map(([name, value]) => `${encoded(name)}=${encoded(value)}`).sort();
  const request = [
    method,
    url.pathname
      .split("/")
      .map((part) => encoded(decodeURIComponent(part)))
      .join("/"),
    query.join("&"),
    ...signedNames.map((name) => `${name}:${String(headers[name]).trim().replace(/\s+/g, " ")}`),
    "",
    names,
    String(headers["x-amz-content-sha256"]),
  ].join("\n");
  const place = `${day}/${region}/s3/aws4_request`;
  const text = ["AWS4-HMAC-SHA256", date, place, createHash("sha256").update(request).digest("hex")].join("\n");
  const key = [region, "s3", "aws4_request"].reduce<Buffer>(
    (outer, part) => hmac(outer, String(part)),
    hmac(`AWS4${keys.secretAccessKey}`, String(day)),
  );
  return timingSafeEqual(hmac(key, text), Buffer.from(signature, "hex"));
}
