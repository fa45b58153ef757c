import { randomUUID } from "node:crypto";
import { openWorld, type World } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";

let world: World;
beforeAll(async () => {
  world = await openWorld({ started: false });
});
afterAll(() => world.close());

const key = (publicKey: string, endpoint = "https://peer.example", did = "did:bindu:x") => ({ endpoint, did, publicKey });

test("of all keys that are shown at once for a DID at an endpoint, one is the first for everybody, and stays it", async () => {
  const { peerKeys } = world.database;
  const { organizationId } = world.caller;
  const shown = Array.from({ length: 20 }, (_, place) => `k${place}`);
  const first = new Set(await Promise.all(shown.map((publicKey) => peerKeys.pin(organizationId, key(publicKey), 100))));
  expect(first.size).toBe(1);
  expect(await peerKeys.pin(organizationId, key("later"), 100)).toBe([...first][0]);
  expect(await peerKeys.pin(organizationId, key("later", "https://other.example"), 100)).toBe("later");
  expect(await peerKeys.pin(organizationId, key("later", "https://peer.example", "did:bindu:y"), 100)).toBe("later");
});

test("an organization pins for itself, and no more than it may", async () => {
  const { peerKeys } = world.database;
  const other = randomUUID();
  expect(await peerKeys.pin(other, key("theirs"), 1)).toBe("theirs");
  expect(await peerKeys.pin(other, key("more", "https://other.example"), 1)).toBeNull();
  expect(await peerKeys.pin(other, key("changed"), 1)).toBe("theirs");
});
