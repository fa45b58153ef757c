import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";

export interface Anvil {
  url: string;
  host: string;
  pid: number;
  close(): Promise<void>;
}

/** The chain's program, where the registry has it for this machine; else null. */
export function anvilProgram(): string | null {
  try {
    return createRequire(import.meta.url).resolve("@foundry-rs/anvil-linux-amd64/bin/anvil");
  } catch {
    return null;
  }
}

/** A Tempo chain on this machine. Its accounts have money. */
export async function startAnvil(program: string, chainId: number): Promise<Anvil> {
  const child: ChildProcess = spawn(program, ["--network", "tempo", "--chain-id", String(chainId), "--host", "127.0.0.1", "--port", "0"], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  const host = await new Promise<string>((resolve, reject) => {
    let said = "";
    child.once("exit", () => reject(new Error("anvil ended before it listened")));
    child.stdout?.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      const [, found] = /Listening on ([\d.]+:\d+)/.exec(said) ?? [];
      if (found !== undefined) resolve(found);
    });
  });
  return {
    url: `http://${host}`,
    host,
    pid: child.pid ?? 0,
    close: () =>
      new Promise((resolve) => {
        child.removeAllListeners("exit");
        child.once("exit", () => resolve());
        child.kill("SIGTERM");
      }),
  };
}
