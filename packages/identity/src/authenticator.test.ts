import type { Scope } from "@parley/contracts";
import { describe, expect, test } from "vitest";
import { apiKeyPrefix, hashApiKey, isApiKey, makeApiKey } from "./api-key.ts";
import { createAuthenticator, type KeyRecord } from "./authenticator.ts";

interface World {
  keys: Map<string, KeyRecord>;
  reads: string[];
  nowMs: number;
  revoke: (hash: string) => void;
}

function makeWorld(options: { cacheMs?: number; absentMs?: number; entriesMax?: number } = {}) {
  const world: World = { keys: new Map(), reads: [], nowMs: 1_000_000, revoke: () => {} };
  const { authenticate } = createAuthenticator({
    findKeyByHash: async (hash) => {
      world.reads.push(hash);
      const key = world.keys.get(hash);
      return key ? { ...key } : null;
    },
    now: () => world.nowMs,
    onRevoked: (listener) => {
      world.revoke = listener;
    },
    ...options,
  });
  return { world, authenticate };
}

function addKey(world: World, changes: Partial<KeyRecord> = {}): string {
  const apiKey = makeApiKey();
  const scopes: Scope[] = ["conversations:read"];
  const record = { id: `key_${world.keys.size}`, organizationId: "o1", scopes, agentIds: null, expiresAt: null, revokedAt: null };
  world.keys.set(hashApiKey(apiKey), { ...record, ...changes });
  return apiKey;
}

describe("keys", () => {
  test("a key is recognised, hashed without being contained in its hash, and known by its prefix", () => {
    const apiKey = makeApiKey();
    expect(isApiKey(apiKey)).toBe(true);
    expect(hashApiKey(apiKey)).toMatch(/^[0-9a-f]{64}$/);
    expect(apiKey.startsWith(apiKeyPrefix(apiKey))).toBe(true);
    expect(apiKeyPrefix(apiKey)).toHaveLength(12);
    expect(makeApiKey()).not.toBe(apiKey);
  });
});

describe("authenticate", () => {
  test("a known key gives its caller, with scopes and agents", async () => {
    const { world, authenticate } = makeWorld();
    const apiKey = addKey(world, { agentIds: ["a1"] });
    const caller = await authenticate(apiKey);
    expect(caller).toMatchObject({ organizationId: "o1", principalId: "key_0" });
    expect(caller.scopes.has("conversations:read")).toBe(true);
    expect(caller.agentIds?.has("a1")).toBe(true);
  });

  test("something that cannot be a key is refused without a read", async () => {
    const { world, authenticate } = makeWorld();
    await expect(authenticate("agw_short")).rejects.toMatchObject({ code: "unauthenticated" });
    expect(world.reads).toEqual([]);
  });

  test("one read serves every call within the cache's time, and the next one reads again", async () => {
    const { world, authenticate } = makeWorld({ cacheMs: 2_500 });
    const apiKey = addKey(world);
    await authenticate(apiKey);
    world.nowMs += 2_499;
    await authenticate(apiKey);
    expect(world.reads).toHaveLength(1);
    world.nowMs += 1;
    await authenticate(apiKey);
    expect(world.reads).toHaveLength(2);
  });

  test("misses that come together are one read", async () => {
    const { world, authenticate } = makeWorld();
    const apiKey = addKey(world);
    await Promise.all(Array.from({ length: 20 }, () => authenticate(apiKey)));
    expect(world.reads).toHaveLength(1);
  });

  test("a read that failed is not remembered", async () => {
    let calls = 0;
    const { authenticate } = createAuthenticator({
      now: () => 0,
      findKeyByHash: async () => {
        if (++calls === 1) throw new Error("away");
        return null;
      },
    });
    const apiKey = makeApiKey();
    await expect(authenticate(apiKey)).rejects.toThrow("away");
    await expect(authenticate(apiKey)).rejects.toMatchObject({ code: "unauthenticated" });
  });

  test("a revocation that this process learns of counts at once", async () => {
    const { world, authenticate } = makeWorld();
    const apiKey = addKey(world);
    await authenticate(apiKey);
    const record = world.keys.get(hashApiKey(apiKey));
    if (record) record.revokedAt = new Date(world.nowMs).toISOString();
    world.revoke(hashApiKey(apiKey));
    await expect(authenticate(apiKey)).rejects.toMatchObject({ code: "unauthenticated" });
  });

  test("a revocation during a read is not hidden by what the read brings", async () => {
    let release: (key: KeyRecord | null) => void = () => {};
    let reads = 0;
    let revoke: (hash: string) => void = () => {};
    const { authenticate } = createAuthenticator({
      now: () => 0,
      onRevoked: (listener) => {
        revoke = listener;
      },
      findKeyByHash: () => {
        reads++;
        return new Promise((resolve) => {
          release = resolve;
        });
      },
    });
    const apiKey = makeApiKey();
    const key: KeyRecord = { id: "k", organizationId: "o", scopes: [], agentIds: null, expiresAt: null, revokedAt: null };
    const first = authenticate(apiKey);
    revoke(hashApiKey(apiKey));
    release(key);
    await first;
    const second = authenticate(apiKey);
    release({ ...key, revokedAt: new Date(0).toISOString() });
    await expect(second).rejects.toMatchObject({ code: "unauthenticated" });
    expect(reads).toBe(2);
  });

  test("a key expires on time although its record is cached", async () => {
    const { world, authenticate } = makeWorld();
    const apiKey = addKey(world, { expiresAt: new Date(world.nowMs + 100).toISOString() });
    await authenticate(apiKey);
    world.nowMs += 100;
    await expect(authenticate(apiKey)).rejects.toMatchObject({ code: "unauthenticated" });
  });

  test("an unknown key is remembered only briefly", async () => {
    const { world, authenticate } = makeWorld({ absentMs: 1_000 });
    const apiKey = makeApiKey();
    await expect(authenticate(apiKey)).rejects.toMatchObject({ code: "unauthenticated" });
    await expect(authenticate(apiKey)).rejects.toMatchObject({ code: "unauthenticated" });
    expect(world.reads).toHaveLength(1);
    world.keys.set(hashApiKey(apiKey), { id: "k", organizationId: "o", scopes: [], agentIds: null, expiresAt: null, revokedAt: null });
    world.nowMs += 1_000;
    await expect(authenticate(apiKey)).resolves.toMatchObject({ principalId: "k" });
  });

  test("the cache keeps the keys used last and never more than its bound", async () => {
    const { world, authenticate } = makeWorld({ entriesMax: 2 });
    const [a, b, c] = [addKey(world), addKey(world), addKey(world)];
    await authenticate(a);
    await authenticate(b);
    await authenticate(a);
    await authenticate(c);
    world.reads.length = 0;
    await authenticate(a);
    expect(world.reads).toHaveLength(0);
    await authenticate(b);
    expect(world.reads).toHaveLength(1);
  });
});
