import { GatewayError } from "@parley/contracts";
import type { EgressFetch } from "@parley/egress";
import { AwsClient } from "aws4fetch";

export interface S3Place {
  /** Its address without the bucket. */
  endpoint: string;
  bucket: string;
  region: string;
  /** Before each key. */
  prefix: string;
  accessKeyId: string;
  secretAccessKey: string;
  fetch: EgressFetch;
}

interface S3Request {
  method: "GET" | "PUT" | "POST" | "DELETE";
  key: string;
  query?: Record<string, string>;
  headers?: Record<string, string>;
  body?: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>;
  /** Answers beside 2xx that the caller knows what to do with. */
  expected?: number[];
}

export type AskS3 = (request: S3Request) => Promise<Response>;

const RETRIES_MAX = 2;
const PASSING_STATUSES = new Set([429, 500, 502, 503, 504]);
const PAUSE_MS = 200;

const away = (detail: string, cause?: unknown): GatewayError =>
  new GatewayError("storage_unavailable", { detail, cause, retryAfterSeconds: 1 });

/**
 * One signed request (Signature Version 4) through the one way out. What can be sent again is, when the store is briefly away. An answer that is
 * neither 2xx nor expected is `storage_unavailable`; its text, which may name keys, stands nowhere.
 */
export function createS3Client({ endpoint, bucket, region, prefix, accessKeyId, secretAccessKey, fetch }: S3Place): AskS3 {
  const signer = new AwsClient({ accessKeyId, secretAccessKey, region, service: "s3" });
  const base = `${endpoint.replace(/\/+$/, "")}/${bucket}`;

  async function ask({ method, key, query = {}, headers = {}, body, expected = [] }: S3Request): Promise<Response | null> {
    const url = new URL(`${base}${key === "" ? "" : `/${prefix}${key}`}`);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    // The bytes stay out of the signature: they go by as they come, and their length and TLS look after them.
    const signed = await signer.sign(url.href, { method, headers: { ...headers, "x-amz-content-sha256": "UNSIGNED-PAYLOAD" } });
    const response = await fetch(url, { method, headers: signed.headers, redirect: "error", ...(body !== undefined && { body }) });
    if (response.ok || expected.includes(response.status)) return response;
    await response.body?.cancel();
    if (PASSING_STATUSES.has(response.status)) return null;
    throw away(`S3 answered ${response.status} to ${method}`);
  }

  return async (request) => {
    const tries = request.body instanceof ReadableStream ? 1 : RETRIES_MAX + 1;
    let failure: unknown;
    for (let attempt = 1; attempt <= tries; attempt += 1) {
      try {
        const response = await ask(request);
        if (response !== null) return response;
      } catch (error) {
        if (!(error instanceof GatewayError) || error.code !== "egress_failed") throw error;
        failure = error;
      }
      if (attempt < tries) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS * attempt));
    }
    throw away("S3 is away", failure);
  };
}
