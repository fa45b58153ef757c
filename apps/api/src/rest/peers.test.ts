import { expect, test } from "vitest";
import { startDoor } from "./testing/start-door.ts";

const whole = {
  name: "Research",
  endpoint: "https://research.example.org/a2a",
  auth: { type: "oauth", token_url: "https://id.example.org/token", client_id: "us", client_secret: "s3cret" },
  trust: { verify_did: true, pinned_did: "did:web:research.example.org", policy: "strict", on_bad_signature: "report" },
  skills: [
    {
      id: "search",
      description: "Searches.",
      input_schema: { type: "object", properties: { depth_max: {} } },
      output_modes: ["text/plain"],
    },
  ],
  price_micros: 2_000,
  timeout_ms: 60_000,
  deduplicates: true,
};

test("a peer is registered by the names of this wire, and a schema's own names stay as they are", async () => {
  const door = await startDoor();
  const made = await door.call("POST", "/v1/peers", whole, { "idempotency-key": "one" });
  expect(made.status).toBe(201);
  const input = {
    name: "Research",
    endpoint: whole.endpoint,
    auth: { type: "oauth", tokenUrl: "https://id.example.org/token", clientId: "us", clientSecret: "s3cret", scope: undefined },
    trust: { verifyDid: true, pinnedDid: "did:web:research.example.org", policy: "strict", onBadSignature: "report" },
    skills: [{ id: "search", description: "Searches.", inputSchema: whole.skills[0]?.input_schema, tags: [], outputModes: ["text/plain"] }],
    priceMicros: 2_000,
    timeoutMs: 60_000,
    deduplicates: true,
  };
  expect(door.fake.calls).toEqual([{ name: "createPeer", input, facts: { route: "peer.create", key: "one" } }]);
});

test("what was answered says nothing secret and may be sent back as it is", async () => {
  const door = await startDoor();
  const { body } = await door.call("POST", "/v1/peers", whole);
  expect(JSON.stringify(body)).not.toContain("s3cret");
  const { auth, id, created_at: _, updated_at: __, ...shown } = body;
  expect(auth).toEqual({ type: "oauth", token_url: "https://id.example.org/token", client_id: "us" });
  expect(shown).toMatchObject({ trust: { pinned_key: null }, skills: [{ name: null, tags: [] }], price_micros: 2_000 });
  expect(await door.call("PATCH", `/v1/peers/${String(id)}`, shown)).toMatchObject({ status: 200, body: { id } });
  const [made, changed] = door.fake.calls.map(({ input }) => input as Record<string, unknown>);
  const { auth: ____, ...kept } = made ?? {};
  expect(changed).toEqual({ peerId: id, ...kept });
});

test("a change says what stays by leaving it out, and by null what is taken away", async () => {
  const door = await startDoor();
  const { body } = await door.call("POST", "/v1/peers", { name: "Bare", endpoint: "https://bare.example.org" });
  expect(body).toMatchObject({
    ...{ auth: { type: "none" }, skills: null, price_micros: null, timeout_ms: null, deduplicates: false },
    trust: { verify_did: false, policy: "lenient", on_bad_signature: "fail" },
  });
  await door.call("PATCH", `/v1/peers/${String(body.id)}`, { skills: null, price_micros: null });
  expect(door.fake.calls.at(-1)?.input).toEqual({ peerId: body.id, skills: null, priceMicros: null });
});

test("peers are listed by page, read and removed once; what is none is not found or no id", async () => {
  const door = await startDoor();
  const { body } = await door.call("POST", "/v1/peers", whole);
  const id = String(body.id);
  expect(await door.call("GET", "/v1/peers?page=1&per_page=5")).toMatchObject({
    status: 200,
    body: { items: [body], total: 1, page: 1, per_page: 5, total_pages: 1 },
  });
  expect(await door.call("GET", "/v1/peers?per_page=51")).toMatchObject({
    status: 422,
    body: { detail: [{ loc: ["query", "per_page"] }] },
  });
  expect(await door.call("GET", `/v1/peers/${id}`)).toMatchObject({ status: 200, body });
  expect(await door.call("DELETE", `/v1/peers/${id}`)).toMatchObject({ status: 200, body: { id, deleted: true } });
  for (const method of ["GET", "DELETE"]) {
    expect(await door.call(method, `/v1/peers/${id}`)).toMatchObject({ status: 404, body: { detail: "Not found." } });
    expect(await door.call(method, "/v1/peers/one")).toMatchObject({ status: 422, body: { detail: [{ loc: ["path", "peer_id"] }] } });
  }
  expect(await door.call("PUT", `/v1/peers/${id}`, {})).toMatchObject({ status: 405 });
});

test("a wrong member is named as the caller has sent it", async () => {
  const door = await startDoor();
  for (const [change, place] of [
    [{ endpoint: "ftp://research.example.org" }, ["endpoint"]],
    [{ endpoint: "https://me:secret@research.example.org" }, ["endpoint"]],
    [{ auth: { type: "bearer", token: "a b" } }, ["auth", "token"]],
    [{ auth: { type: "oauth", token_url: "x", client_id: "a", client_secret: "b" } }, ["auth", "token_url"]],
    [{ trust: { pinned_key: "0" } }, ["trust", "pinned_key"]],
    [{ price_micros: -1 }, ["price_micros"]],
    [{ timeout_ms: 10 }, ["timeout_ms"]],
    [{ skills: [{ id: "" }] }, ["skills", 0, "id"]],
    [{ skills: [{ id: "a", input_schema: { $ref: "#/nowhere" } }] }, ["skills", 0, "input_schema"]],
  ] as const) {
    const refused = await door.call("POST", "/v1/peers", { ...whole, ...change });
    expect([change, refused.status, refused.body]).toMatchObject([change, 422, { detail: [{ loc: ["body", ...place] }] }]);
    expect(JSON.stringify(refused.body)).not.toContain("secret@");
  }
});
