import { readFileSync } from "node:fs";
import { join } from "node:path";
import { RPC_METHOD_NAMES, type RpcMethodName, rpcRow } from "@parley/router";
import { expect, test } from "vitest";
import type { z } from "zod";
import { METHODS } from "./methods.ts";

const page = readFileSync(join(import.meta.dirname, "..", "..", "..", "..", "docs", "json-rpc.md"), "utf8");

/** Method, scope, what it is, and parameters, as the page's table should have them. */
function lineOf(name: RpcMethodName): string {
  const { scope, mutating, socketOnly } = rpcRow(name);
  const marks = [mutating && "changes", socketOnly && "socket"].filter(Boolean).join(", ");
  const parameters = Object.entries(METHODS[name].shape).map(([parameter, schema]) => {
    const isNeeded = !(schema as z.ZodType).safeParse(undefined).success;
    return `\`${parameter}\`${isNeeded ? "" : "?"}`;
  });
  return `| \`${name}\` | ${[scope].flat().join(", ")} | ${marks} | ${parameters.join(" ")} |`;
}

test("the page lists each method as the registry has it, with the parameters that it takes", () => {
  const shown = page
    .split("\n")
    .filter((line) => /^\| `[a-z]+\./.test(line))
    .map((line) => line.replace(/ \|[^|]*\|$/, " |"));
  expect(shown).toEqual(RPC_METHOD_NAMES.map(lineOf));
});

test("every parameter's name is one that a caller may use", () => {
  for (const name of RPC_METHOD_NAMES)
    for (const parameter of Object.keys(METHODS[name].shape)) expect(parameter).not.toMatch(/^_|^idempotencyKey$/);
});
