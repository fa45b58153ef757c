import { randomBytes } from "node:crypto";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BlobStore } from "@parley/domain";
import { createEgress } from "@parley/egress";
import { type S3Server, startS3Server } from "@parley/testkit/s3-server";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createDiskStore } from "./disk-store.ts";
import { createS3Store } from "./s3/s3-store.ts";

const PART_BYTES = 1_000;

let folder: string;
let s3: S3Server;
const egresses: { close(): Promise<void> }[] = [];
beforeAll(async () => {
  [folder, s3] = await Promise.all([mkdtemp(join(tmpdir(), "parley-blobs-")), startS3Server()]);
});
afterAll(async () => {
  await Promise.all(egresses.map((egress) => egress.close()));
  await Promise.all([rm(folder, { recursive: true }), s3.close()]);
});

function bucket(facts: { secretAccessKey?: string; allow?: string[] } = {}): BlobStore {
  const egress = createEgress({ allow: facts.allow ?? [s3.host] });
  egresses.push(egress);
  return createS3Store({ ...s3, endpoint: s3.url, prefix: "parley/", ...facts, fetch: egress.fetch }, PART_BYTES);
}

const STORES: [string, { open: () => BlobStore; left: () => Promise<unknown> }][] = [
  [
    "disk",
    {
      open: () => createDiskStore(folder),
      left: async () => (await readdir(folder, { recursive: true })).filter((name) => /[\\/]/.test(name)),
    },
  ],
  ["S3", { open: () => bucket(), left: async () => [...s3.objects.keys(), ...s3.uploads.keys()] }],
];

async function* inChunks(bytes: Uint8Array, size = 300): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.byteLength; at += size) yield bytes.subarray(at, at + size);
}

async function* breakingAfter(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield* inChunks(bytes);
  throw new Error("the client left");
}

const collected = async (source: AsyncIterable<Uint8Array> | null): Promise<Buffer> => {
  const chunks: Uint8Array[] = [];
  for await (const chunk of source ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
};

describe.each(STORES)("on %s", (_, { open, left }) => {
  const key = () => `org/${randomBytes(8).toString("hex")}.bin`;

  test.each([0, 1, 999, 1_000, 1_001, 5_432])(
    "a file of %i bytes comes back as it was, whole and in part, known or unknown in length",
    async (size) => {
      const store = open();
      const bytes = randomBytes(size);
      for (const announced of [size, null]) {
        const name = key();
        await store.write(name, inChunks(bytes), announced);
        expect(await collected(await store.open(name, null))).toEqual(bytes);
        if (size > 2) expect(await collected(await store.open(name, { start: 1, end: size - 2 }))).toEqual(bytes.subarray(1, size - 1));
        await store.remove(name);
        expect(await store.open(name, null)).toBeNull();
      }
      expect(await left()).toEqual([]);
    },
  );

  test.each([
    ["small", 500, null],
    ["in parts", 3_500, null],
    ["announced", 3_500, 4_000],
  ])("a source that breaks off leaves nothing: %s", async (_, size, announced) => {
    const store = open();
    const name = key();
    await expect(store.write(name, breakingAfter(randomBytes(size)), announced)).rejects.toThrow("the client left");
    expect(await store.open(name, null)).toBeNull();
    expect(await left()).toEqual([]);
  });

  test("what is not there can be removed", async () => {
    await open().remove(key());
  });

  test("a reader that stops early lets go of the source", async () => {
    const store = open();
    const name = key();
    await store.write(name, inChunks(randomBytes(900_000), 100_000), null);
    for await (const chunk of (await store.open(name, null)) ?? []) {
      expect(chunk.byteLength).toBeGreaterThan(0);
      break;
    }
    await store.remove(name);
  });
});

test("parts that a dead process has left are ended when its file is removed", async () => {
  s3.uploads.set("orphan", { key: "parley/org/orphan.bin", parts: new Map([[1, Buffer.from("half")]]) });
  await bucket().remove("org/orphan.bin");
  expect(s3.uploads.size).toBe(0);
});

test("a bucket that is briefly away is asked again; a source cannot be told twice, and is not", async () => {
  const store = bucket();
  s3.failNext = 2;
  await store.write("org/again.bin", inChunks(Buffer.from("hello")), null);
  s3.failNext = 1;
  await expect(store.write("org/once.bin", inChunks(randomBytes(2_000)), 2_000)).rejects.toMatchObject({ code: "storage_unavailable" });
  s3.failNext = 3;
  await expect(store.open("org/again.bin", null)).rejects.toMatchObject({ code: "storage_unavailable" });
  expect(await collected(await store.open("org/again.bin", null))).toEqual(Buffer.from("hello"));
  await store.remove("org/again.bin");
});

test("a wrong secret is refused, and an address that may not be called is not called", async () => {
  const write = (store: BlobStore) => store.write("org/x.bin", inChunks(Buffer.from("x")), 1);
  await expect(write(bucket({ secretAccessKey: "another" }))).rejects.toMatchObject({ code: "storage_unavailable" });
  const before = s3.requests.length;
  await expect(write(bucket({ allow: [] }))).rejects.toMatchObject({ code: "egress_refused" });
  expect(s3.requests.length).toBe(before);
});

test("a key that could leave the folder is no key", async () => {
  await expect(createDiskStore(folder).open("../etc/passwd", null)).rejects.toMatchObject({ code: "internal" });
});
