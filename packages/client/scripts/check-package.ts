import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const dist = fileURLToPath(new URL("../dist", import.meta.url));
const typescript = fileURLToPath(import.meta.resolve("typescript/lib/tsc.js"));

/** What only a server has. Its absence is what the package promises. */
const SERVER_ONLY = ["@parley/", "initTRPC", "procedureBuilder", "resolveResponse", "zod", "node:"];

const USE = `
import { createClient, refusalOf, type LogEvent, type SubmitResult } from "@parley/client";
const client = createClient({ url: "http://x", apiKey: async () => "key", transport: "websocket" });
export async function use(): Promise<SubmitResult> {
  for await (const event of client.follow({ conversationId: "c" })) {
    const known: LogEvent = event;
    if (known.type === "turn.delta") known.data.text.toUpperCase();
  }
  // @ts-expect-error a message needs its agent
  await client.turn.submit.mutate({ text: "x" });
  // @ts-expect-error there is no such procedure
  client.turn.shout;
  const code: "not_found" | undefined = refusalOf(null)?.code === "not_found" ? "not_found" : undefined;
  return client.turn.submit.mutate({ agentId: "a", text: code ?? "x" });
}
`;

/** Compiles a user's file against the built package, with its declarations checked too. */
function checkAsUser(): void {
  const folder = mkdtempSync(join(tmpdir(), "parley-client-"));
  try {
    mkdirSync(join(folder, "node_modules/@parley"), { recursive: true });
    symlinkSync(dist, join(folder, "node_modules/@parley/client"));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(join(folder, "use.ts"), USE);
    for (const module of [{ module: "nodenext" }, { module: "esnext", moduleResolution: "bundler" }]) {
      const compilerOptions = {
        ...module,
        strict: true,
        noEmit: true,
        target: "es2022",
        lib: ["es2022", "dom", "dom.iterable"],
        types: [],
      };
      writeFileSync(join(folder, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["use.ts"] }));
      execFileSync(process.execPath, [typescript, "-p", folder], { stdio: "inherit" });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function checkContents(): void {
  for (const file of ["index.js", "index.d.ts"]) {
    const text = readFileSync(join(dist, file), "utf8");
    const found = SERVER_ONLY.filter((word) => text.includes(word));
    if (found.length > 0) throw new Error(`${file} holds what only a server has: ${found.join(", ")}`);
    if (/^import .* from|^export .* from "/m.test(text)) throw new Error(`${file} imports something.`);
  }
}

checkContents();
checkAsUser();
console.log("The client package holds no server code, and its types serve a user.");
