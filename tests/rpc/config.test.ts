import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { RPC_METHOD_NAMES, rpcRow } from "@parley/router";
import { at, type System, startSystem } from "@parley/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { openRpc, type RpcClient } from "./support/rpc-client.ts";
import { SERVED } from "./support/served.ts";

let folder: string;
let file: string;
let system: System;
let operator: RpcClient;
const ofFile = RPC_METHOD_NAMES.filter((name) => rpcRow(name).configFile);
const urlOf = (): string => system.apis[0]?.url ?? "";
const proof = () => ({ "x-admin-secret": system.adminSecret });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-rpc-config-"));
  file = join(folder, "parley.config.yaml");
  await writeFile(file, "limits: { sessionSeconds: 7200 }\n");
  system = await startSystem({ workers: 0, env: { CONFIG_FILE: file } });
  operator = await openRpc(urlOf(), system.ours.apiKey, "", proof());
});
afterAll(async () => {
  await operator?.close();
  await system?.close();
  await rm(folder, { recursive: true });
});

const place = { section: "limits", key: "sessionSeconds" };
const shown = async () => at(await operator.result("config.get", { section: "limits" }), "limits", "sessionSeconds");

test("the installation's configuration is nobody's who has not the operator's secret, whatever scopes they have", async () => {
  const admin = await openRpc(urlOf(), await system.ours.newKey({ scopes: ["*"] }));
  for (const name of ofFile) {
    expect([name, (await admin.call(name, { ...place, id: "x", value: 1 })).error]).toMatchObject([
      name,
      { code: -32603, message: "Insufficient scope: requires 'admin_secret'" },
    ]);
  }
  await admin.close();
  const guessing = await openRpc(urlOf(), system.ours.apiKey, "", { "x-admin-secret": "wrong" });
  expect(await guessing.closed).toMatchObject({ code: 4001 });
  expect(await readFile(file, "utf8")).toContain("7200");
});

test("an operator reads it without its secrets, changes it, compares and goes back", async () => {
  const { sections, config } = await operator.result("config.read");
  expect(sections).toContain("limits");
  for (const secret of [system.adminSecret, system.environment["DATABASE_URL"] ?? ""]) expect(JSON.stringify(config)).not.toContain(secret);
  expect(await shown()).toBe(7_200);
  expect(await operator.result("config.schema", { section: "limits" })).toMatchObject({ section: "limits", schema: expect.any(Object) });

  const patched = await operator.result("config.patch", { path: "limits.sessionSeconds", value: 3_600, summary: "shorter" });
  expect(patched).toMatchObject({ patched: true, ...place, changes: [{ before: 7_200, after: 3_600, takesEffect: "now" }] });
  expect(await shown()).toBe(3_600);
  const { entries } = await operator.result("config.history");
  expect(entries).toMatchObject([{ id: patched.id, summary: "shorter", names: ["LIMIT_SESSION_SECONDS"] }, { summary: "as it was" }]);
  const id = at(entries, 1, "id");
  expect(await operator.result("config.diff", { id })).toMatchObject({ id, changes: [{ before: 7_200, after: 3_600 }] });
  expect(await operator.result("config.rollback", { id })).toMatchObject({ rolledBack: true });
  expect(await shown()).toBe(7_200);
});

test("what is wrong, fixed or unknown is refused and changes nothing", async () => {
  const before = await readFile(file, "utf8");
  const refusals = [
    [{ ...place, value: "many" }, "invalid_input"],
    [{ section: "server", key: "host", value: "0.0.0.0" }, "invalid_input"],
    [{ section: "limits", value: 1 }, "invalid_input"],
    [{ value: 1 }, "invalid_input"],
  ] as const;
  for (const [params, code] of refusals)
    expect((await operator.call("config.patch", params)).error).toMatchObject({ code: -32602, data: { code } });
  expect((await operator.call("config.get", { section: "nowhere" })).error).toMatchObject({ code: -32602, data: { code: "not_found" } });
  expect(await readFile(file, "utf8")).toBe(before);
});

test("a change made again under its key is made once", async () => {
  const params = { ...place, value: 5_400, idempotencyKey: "config-1" };
  const first = await operator.result("config.patch", params);
  await operator.result("config.patch", { ...place, value: 5_401 });
  expect(await operator.result("config.patch", params)).toMatchObject({ id: first.id, changes: first.changes });
  expect(await shown()).toBe(5_401);
  expect((await operator.call("config.patch", { ...params, value: 1_800 })).error).toMatchObject({
    data: { code: "idempotency_mismatch" },
  });
  const back = { id: first.id, idempotencyKey: "config-2" };
  const rolled = await operator.result("config.rollback", back);
  expect(await shown()).toBe(5_400);
  await operator.result("config.patch", { ...place, value: 5_402 });
  expect(await operator.result("config.rollback", back)).toMatchObject({ changes: rolled.changes });
  expect(await shown()).toBe(5_402);
});

test("its methods are listed where there is a file, and served over HTTP alike", async () => {
  expect((await operator.result("system.methods")).methods).toEqual(RPC_METHOD_NAMES);
  expect(SERVED).toHaveLength(RPC_METHOD_NAMES.length - ofFile.length);
  const body = { jsonrpc: "2.0", id: 1, method: "config.get", params: { section: "limits" } };
  expect((await system.rest().call("/rpc", { body, headers: proof() })).body).toMatchObject({
    result: { limits: { sessionSeconds: 5_402 } },
  });
  expect((await system.rest().call("/rpc", { body })).body).toMatchObject({ error: { code: -32603 } });
});
