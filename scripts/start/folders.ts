import { accessSync, chmodSync, constants, existsSync, mkdirSync, renameSync } from "node:fs";
import { join } from "node:path";
import { StartFailure } from "../services/start-failure.ts";

/** Where one checkout keeps what it runs on. */
export interface Folders {
  root: string;
  state: string;
  logs: string;
}

/** Made when missing. The state is closed to others; root leaves the way through to the user that Postgres runs as. */
export function preparedFolders(root: string): Folders {
  const state = join(root, ".parley");
  const logs = join(state, "logs");
  try {
    mkdirSync(logs, { recursive: true });
    chmodSync(state, process.getuid?.() === 0 ? 0o711 : 0o700);
    chmodSync(logs, 0o700);
    accessSync(state, constants.W_OK);
  } catch (error) {
    throw new StartFailure(`The folder ${state} cannot be used: ${(error as Error).message}`);
  }
  return { root, state, logs };
}

/** An empty log for this start; the one of the start before stays beside it. */
export function freshLog({ logs }: Folders, name: string): string {
  const file = join(logs, `${name}.log`);
  if (existsSync(file)) renameSync(file, join(logs, `${name}.previous.log`));
  return file;
}
