import { describe, expect, it } from "vitest";
import { z } from "zod";
import { checkToolArguments, unreadableParameters } from "./check-tool-arguments.ts";

const WEATHER = {
  type: "object",
  properties: {
    city: { type: "string", minLength: 1 },
    days: { type: "integer", minimum: 1, default: 3 },
    unit: { enum: ["c", "f"] },
    at: { type: ["string", "null"], format: "date-time" },
  },
  required: ["city"],
  additionalProperties: false,
};

const nested = (levels: number): unknown => (levels === 0 ? {} : { inner: nested(levels - 1) });

describe("checkToolArguments", () => {
  it("passes arguments that fit on as they are, with nothing filled in or left out", () => {
    const given = { city: "Oslo", unit: "c", at: null };
    const checked = checkToolArguments(WEATHER, given);
    expect(checked).toEqual({ ok: true, value: { city: "Oslo", unit: "c", at: null } });
    expect(checked.ok && checked.value).toBe(given);
    expect(checkToolArguments({}, { any: [1, { thing: true }] }).ok).toBe(true);
  });

  it.each([
    [{}, "city"],
    [{ city: "" }, "city"],
    [{ city: "Oslo", days: 1.5 }, "days"],
    [{ city: "Oslo", unit: "k" }, "unit"],
    [{ city: "Oslo", more: 1 }, "more"],
  ])("says what is wrong with %j, and where", (given, where) => {
    expect(checkToolArguments(WEATHER, given)).toEqual({ ok: false, why: expect.stringContaining(where) });
  });

  it.each([[null], ["text"], [[1]], [undefined]])("takes an object only, not %j", (given) => {
    expect(checkToolArguments({}, given)).toEqual({ ok: false, why: "The arguments are no object." });
  });

  it("takes `format` as a description, and a property of that name as a property", () => {
    const parameters = {
      properties: { id: { type: "string", format: "uuid" }, format: { type: "string", enum: ["csv"] } },
    };
    expect(checkToolArguments(parameters, { id: "11111111-2222-3333-4444-555555555555", format: "csv" }).ok).toBe(true);
    expect(checkToolArguments(parameters, { format: "xml" }).ok).toBe(false);
  });

  it("follows references within the schema, also ones to themselves", () => {
    const parameters = {
      type: "object",
      properties: { tree: { $ref: "#/$defs/node" } },
      $defs: { node: { type: "object", properties: { next: { $ref: "#/$defs/node" }, name: { type: "string" } }, required: ["name"] } },
    };
    expect(checkToolArguments(parameters, { tree: { name: "a", next: { name: "b" } } }).ok).toBe(true);
    expect(checkToolArguments(parameters, { tree: { name: "a", next: {} } }).ok).toBe(false);
  });

  it("is not put off by a processor that is busy with others", () => {
    let reads = 0;
    const given = {
      get city() {
        reads += 1;
        // Held up where time is bounded, without using any: the first read only looks how deep it is.
        if (reads === 2) Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200);
        return "Oslo";
      },
    };
    expect(checkToolArguments(WEATHER, given).ok).toBe(true);
    expect(reads).toBeGreaterThan(2);
  });

  it("refuses what is nested too deeply to be kept", () => {
    expect(checkToolArguments({}, nested(63)).ok).toBe(true);
    expect(checkToolArguments({}, nested(64))).toMatchObject({ ok: false, why: expect.stringContaining("64 levels") });
    expect(checkToolArguments({}, nested(5_000)).ok).toBe(false);
  });

  it("gives up on a pattern that would hold the process up, and can be used again", () => {
    const parameters = { type: "object", properties: { a: { type: "string", pattern: "^(a+)+$" } } };
    expect(checkToolArguments(parameters, { a: `${"a".repeat(60)}!` })).toEqual({ ok: false, why: expect.stringContaining("too long") });
    expect(checkToolArguments(parameters, { a: "aaa" }).ok).toBe(true);
  });

  it("leaves nothing of a schema behind in the process, however many name themselves", () => {
    const parameters = { $id: "whole", type: "object", properties: { a: { type: "string", id: "member" } } };
    expect(checkToolArguments(parameters, { a: "x" }).ok).toBe(true);
    expect([...z.globalRegistry._idmap.keys()]).toEqual([]);
  });

  it("lets no call through whose schema cannot be read", () => {
    expect(checkToolArguments({ if: {} }, {})).toEqual({ ok: false, why: expect.stringContaining("cannot be read") });
  });
});

describe("unreadableParameters", () => {
  it("is null for a schema that can be checked, else says why it cannot", () => {
    expect([WEATHER, {}, { type: "object" }].map(unreadableParameters)).toEqual([null, null, null]);
    const bad = [
      { properties: { a: { $ref: "https://example.com/schema.json" } } },
      { properties: { a: { type: "string", pattern: "(" } } },
      { properties: { a: { type: "word" } } },
      { not: { type: "object" } },
    ];
    for (const parameters of bad) expect(unreadableParameters(parameters)).toContain("cannot be read");
  });
});
