import { randomBytes } from "node:crypto";
import { at, type S3Server, type System, startS3Server, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let s3: S3Server;
let system: System;
beforeAll(async () => {
  s3 = await startS3Server();
  system = await startSystem({
    workers: 0,
    env: {
      EGRESS_ALLOW: s3.host,
      MEDIA_S3_BUCKET: s3.bucket,
      MEDIA_S3_ENDPOINT: s3.url,
      MEDIA_S3_REGION: s3.region,
      MEDIA_S3_ACCESS_KEY_ID: s3.accessKeyId,
      MEDIA_S3_SECRET_ACCESS_KEY: s3.secretAccessKey,
    },
  });
});
afterAll(async () => {
  await system.close();
  await s3.close();
});

test("with a bucket named, files lie in it, are read from it in part, and leave it when they are deleted", async () => {
  // Larger than one part, so that it is passed on as it comes.
  const bytes = randomBytes(9_000_000);
  const uploaded = await system.rest().call("/media", { body: bytes, headers: { "content-type": "application/octet-stream" } });
  expect([uploaded.status, at(uploaded.body, "size")]).toEqual([201, bytes.length]);
  const id = String(at(uploaded.body, "id"));
  expect(s3.objects.get(`parley/${system.ours.organizationId}/${id}`)?.equals(bytes)).toBe(true);
  const headers = { "x-api-key": system.ours.apiKey, range: "bytes=8999990-" };
  const part = await fetch(`${system.apis[0]?.url}/media/${id}`, { headers });
  expect([part.status, Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(8_999_990))]).toEqual([206, true]);
  expect((await system.rest().call(`/media/${id}`, { method: "DELETE" })).status).toBe(200);
  expect(s3.objects.size).toBe(0);
});

test("a bucket that is away is a 503, and once it is back files are taken again", async () => {
  s3.failNext = 100;
  const answer = await system.rest().call("/media", { body: "x" });
  expect(answer.status).toBe(503);
  s3.failNext = 0;
  expect((await system.rest().call("/media", { body: "x" })).status).toBe(201);
});
