import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";

const root = join(import.meta.dirname, "..", "..");
const folder = mkdtempSync(join(tmpdir(), "parley-left-"));
afterAll(() => rmSync(folder, { recursive: true }));

const LEFT: Record<string, [string, string | null]> = {
  timer: ["setInterval(() => {}, 1_000);", "1 Timeout"],
  server: [
    'const { createServer } = await import("node:net"); await new Promise((done) => createServer().listen(0, done));',
    "1 TCPServerWrap",
  ],
  child: ['(await import("node:child_process")).spawn("sleep", ["30"], { stdio: "ignore" });', "1 ProcessWrap"],
  worker: ['new (await import("node:worker_threads")).Worker("setInterval(() => {}, 1000)", { eval: true });', "1 Thread"],
  nothing: ["clearTimeout(setTimeout(() => {}, 1_000));", null],
};

test("a test file that leaves something open fails and says what; a tidy one passes", { timeout: 60_000 }, () => {
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  for (const [name, [statement]] of Object.entries(LEFT)) {
    writeFileSync(join(folder, `${name}.test.mjs`), `import { test } from "vitest";\ntest("${name}", async () => { ${statement} });\n`);
  }
  const setup = join(root, "scripts", "test", "nothing-left-behind.ts");
  // All at once: each of them waits out the grace that what it left is given.
  const config = { pool: "forks", maxWorkers: 5, setupFiles: [setup] };
  writeFileSync(join(folder, "vitest.config.mjs"), `export default { test: ${JSON.stringify(config)} };\n`);
  const report = join(folder, "report.json");
  const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
  spawnSync(process.execPath, [vitest, "run", "--root", folder, "--reporter=json", `--outputFile=${report}`], { cwd: folder });

  const { testResults } = JSON.parse(readFileSync(report, "utf8")) as { testResults: { name: string; status: string; message: string }[] };
  const found = Object.fromEntries(
    testResults.map(({ name, status, message }) => [name.replace(/.*[/]|[.]test[.]mjs$/g, ""), { status, message }]),
  );
  for (const [name, [, left]] of Object.entries(LEFT)) {
    expect(found[name]?.status, name).toBe(left === null ? "passed" : "failed");
    if (left !== null) expect(found[name]?.message).toContain(left);
  }
});
