import { GatewayError } from "@parley/contracts";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type Attachment, createAttachments } from "./attachments.ts";

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});
afterEach(() => {
  vi.useRealTimers();
});

function setUp() {
  const good = new Set<string>();
  const asked: string[] = [];
  let failure: unknown = null;
  const attachments = createAttachments({
    lookEveryMs: 1_000,
    authenticate: async (credential) => {
      asked.push(credential);
      if (failure) throw failure;
      if (!good.has(credential)) throw new GatewayError("unauthenticated");
    },
  });
  const attach = (credential: string | null) => {
    const refused: string[] = [];
    let beats = 0;
    const attachment: Attachment = { credential, beat: () => void beats++, refuse: ({ code }) => void refused.push(code) };
    return { forget: attachments.add(attachment), refused, beats: () => beats };
  };
  const fail = (error: unknown) => {
    failure = error;
  };
  return { good, asked, attachments, attach, fail };
}

const look = () => vi.advanceTimersByTimeAsync(1_000);

describe("attachments", () => {
  test("end with their revoked credential, and no others do", async () => {
    const { good, attach } = setUp();
    good.add("kept").add("lost");
    const [kept, lost, free] = [attach("kept"), attach("lost"), attach(null)];
    await look();
    expect(lost.refused).toEqual([]);
    good.delete("lost");
    await look();
    expect([kept.refused, lost.refused, free.refused]).toEqual([[], ["unauthenticated"], []]);
    expect(free.beats()).toBe(2);
  });

  test("ask once for each credential, however many bear it", async () => {
    const { good, asked, attach } = setUp();
    good.add("a").add("b");
    for (let index = 0; index < 50; index++) attach(index % 2 === 0 ? "a" : "b");
    await look();
    expect(asked.sort()).toEqual(["a", "b"]);
  });

  test("stay where it cannot be known whether the credential is good", async () => {
    const { attach, fail } = setUp();
    const attached = attach("a");
    fail(new GatewayError("storage_unavailable"));
    await look();
    fail(new Error("broken"));
    await look();
    expect(attached.refused).toEqual([]);
  });

  test("are handed over when the process closes, and so is each that comes later", () => {
    const { attachments, attach } = setUp();
    const early = attach("a");
    attachments.close();
    const late = attach("a");
    expect([early.refused, late.refused]).toEqual([["stream_ended"], ["stream_ended"]]);
  });

  test("leave no timer behind when the last is gone", () => {
    const { attach } = setUp();
    const attached = [attach("a"), attach("b")];
    expect(vi.getTimerCount()).toBe(1);
    for (const { forget } of attached) forget();
    expect(vi.getTimerCount()).toBe(0);
  });
});
