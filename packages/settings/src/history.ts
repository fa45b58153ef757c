import { randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** One change of the file. */
export interface HistoryEntry {
  /** Sorts by time. */
  id: string;
  /** ISO 8601. */
  at: string;
  /** Who made it. */
  by: string;
  summary: string;
  /** The variables that have changed. */
  names: string[];
}

/** With what the file was after it. */
export interface KeptText extends HistoryEntry {
  text: string;
}

const OWNER_ONLY = 0o600;
const ENTRY = /^\d{15}-[0-9a-f]{6}\.json$/;

/** Writes a file whole or not at all: whoever reads it meanwhile reads the old one. */
export async function writeWhole(path: string, text: string): Promise<void> {
  const beside = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString("hex")}`);
  const file = await open(beside, "wx", OWNER_ONLY);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path).catch(async (error: unknown) => {
    await rm(beside, { force: true });
    throw error;
  });
}

export interface History {
  add(entry: Omit<KeptText, "id" | "at">): Promise<HistoryEntry>;
  /** Newest first. */
  list(limit: number): Promise<HistoryEntry[]>;
  /** Null where there is none. */
  find(id: string): Promise<KeptText | null>;
}

/** The file as it was, in a folder beside it; `entriesMax` are kept. Secrets that stand in the file stand there too, for the owner's eyes only. */
export function createHistory(path: string, entriesMax: number): History {
  const folder = `${path}.history`;
  let lastMs = 0;
  const fileOf = (id: string): string => join(folder, `${id}.json`);
  const ids = async (): Promise<string[]> => {
    const files = await readdir(folder).catch(() => []);
    return files
      .filter((file) => ENTRY.test(file))
      .sort()
      .reverse()
      .map((file) => file.slice(0, -".json".length));
  };

  async function find(id: string): Promise<KeptText | null> {
    if (!ENTRY.test(`${id}.json`)) return null;
    const text = await readFile(fileOf(id), "utf8").catch(() => null);
    return text === null ? null : (JSON.parse(text) as KeptText);
  }

  return {
    find,
    async add(entry) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      // Two changes of one millisecond have an order, too.
      const now = Math.max(Date.now(), lastMs + 1);
      lastMs = now;
      const kept: KeptText = {
        id: `${String(now).padStart(15, "0")}-${randomBytes(3).toString("hex")}`,
        at: new Date(now).toISOString(),
        ...entry,
      };
      await writeWhole(fileOf(kept.id), JSON.stringify(kept));
      for (const old of (await ids()).slice(entriesMax)) await rm(fileOf(old), { force: true });
      const { text: _, ...shown } = kept;
      return shown;
    },
    async list(limit) {
      const found = await Promise.all((await ids()).slice(0, limit).map(find));
      return found.flatMap((entry) => {
        if (entry === null) return [];
        const { text: _, ...shown } = entry;
        return [shown];
      });
    },
  };
}
