import type { BlobStore } from "@parley/domain";
import { readParts } from "./read-parts.ts";
import { createS3Client, type S3Place } from "./s3-client.ts";
import { createUploads } from "./uploads.ts";

/** What an upload of unknown length holds in memory; S3 takes no smaller parts. */
const PART_BYTES = 8_388_608;

/**
 * Files in a bucket of any S3-compatible service. A small file, or one whose length was announced, is one request; one of unknown length goes
 * in parts, of which one at a time is in memory.
 */
export function createS3Store(place: S3Place, partBytes = PART_BYTES): BlobStore {
  const ask = createS3Client(place);
  const uploads = createUploads(ask, place.prefix);

  async function put(key: string, body: Uint8Array<ArrayBuffer>): Promise<void> {
    const response = await ask({ method: "PUT", key, body, headers: { "content-length": String(body.byteLength) } });
    await response.body?.cancel();
  }

  async function putStream(key: string, source: AsyncIterable<Uint8Array>, size: number): Promise<void> {
    const { stream, failure } = streamOf(source);
    try {
      const response = await ask({ method: "PUT", key, body: stream, headers: { "content-length": String(size) } });
      await response.body?.cancel();
    } catch (error) {
      throw failure() ?? error;
    }
  }

  return {
    async write(key, source, size) {
      if (size !== null && size > partBytes) return putStream(key, source, size);
      const parts = readParts(source, partBytes);
      const first = await parts.next();
      const body = first.done ? new Uint8Array(0) : first.value;
      const second = body.byteLength < partBytes ? undefined : await parts.next();
      if (second === undefined || second.done) return put(key, body);
      await uploads.write(key, joined([body, second.value], parts));
    },

    async open(key, range) {
      const headers = range === null ? {} : { range: `bytes=${range.start}-${range.end}` };
      const response = await ask({ method: "GET", key, headers, expected: [404] });
      if (response.status !== 404) return response.body ?? empty();
      await response.body?.cancel();
      return null;
    },

    async remove(key) {
      const response = await ask({ method: "DELETE", key, expected: [404] });
      await response.body?.cancel();
      await uploads.abortAll(key);
    },
  };
}

/** As a stream that takes from its source only when it is asked for more; and what the source threw, if it did. */
function streamOf(source: AsyncIterable<Uint8Array>) {
  const iterator = source[Symbol.asyncIterator]();
  let failure: Error | undefined;
  const stream = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const next = await iterator.next();
          if (next.done) controller.close();
          else controller.enqueue(next.value);
        } catch (error) {
          failure = error as Error;
          controller.error(error);
        }
      },
      async cancel() {
        await iterator.return?.();
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, failure: () => failure };
}

async function* joined<Part>(known: Part[], rest: AsyncIterable<Part>): AsyncGenerator<Part, void> {
  yield* known;
  yield* rest;
}

async function* empty(): AsyncGenerator<Uint8Array, void> {}
