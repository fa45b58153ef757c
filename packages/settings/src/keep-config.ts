import { watch } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { GatewayError } from "@parley/contracts";
import type { Log } from "@parley/domain";
import { changeText } from "./change-text.ts";
import type { ChangedSetting, ConfigKeeper, ConfigPatched } from "./config-keeper.ts";
import { createHistory, writeWhole } from "./history.ts";
import { readSettings } from "./read-settings.ts";
import { isSecretName, REDACTED, redactSetting } from "./redact-setting.ts";
import { pathOf, pathText } from "./setting-path.ts";

type Values = Record<string, unknown>;

export interface KeeperOptions {
  path: string;
  /** The process's own environment, which counts for more than the file. */
  environment: Record<string, string | undefined>;
  /** Every variable, with its JSON Schema. */
  schemas: Readonly<Record<string, object>>;
  /** As of `readSettings`. */
  isShared?: boolean;
  /** Checks all variables together; throws with the whole list, one problem a line. */
  parse(variables: Record<string, string | undefined>): Values;
  /** Takes up what may change while the process runs. */
  live: Readonly<Record<string, (value: unknown) => void>>;
  /** What nobody changes through a door: who may come in, and where everything is. */
  isFixed(name: string): boolean;
  historyMax: number;
  log: Log;
}

const SETTLE_MS = 100;

const same = (one: unknown, other: unknown): boolean => JSON.stringify(plain(one)) === JSON.stringify(plain(other));
const plain = (value: unknown): unknown => (value instanceof Map ? [...value] : value);

const wrong = (path: string[], lines: readonly string[]): GatewayError =>
  new GatewayError("invalid_input", { issues: lines.map((message) => ({ path, code: "custom", message })) });

/** Reads the file at the start; throws one error that lists everything that is wrong. */
export async function keepConfig(options: KeeperOptions): Promise<ConfigKeeper> {
  const { path, environment, schemas, parse, live, isFixed, historyMax, isShared = false, log } = options;
  const names = Object.keys(schemas);
  const history = createHistory(path, historyMax);
  const listeners = new Set<(patched: ConfigPatched) => void>();

  /** What would hold with this text. Throws with everything that is wrong. */
  function valuesOf(text: string): Values {
    const { values, problems } = readSettings(text, { names, environment, isShared });
    if (problems.length > 0) throw new Error(`The configuration file is wrong:\n${problems.map((problem) => `  ${problem}`).join("\n")}`);
    return parse({ ...values, ...environment });
  }

  let text = await readFile(path, "utf8");
  let onDisk = valuesOf(text);
  /** What this process works with: the file's at its start, and what was taken up since. */
  const holding: Values = { ...onDisk };

  function changesTo(next: Values, before = onDisk): ChangedSetting[] {
    return names
      .filter((name) => !same(before[name], next[name]))
      .map((name) => ({
        name,
        path: pathText(pathOf(name)),
        before: redactSetting(name, before[name]),
        after: redactSetting(name, next[name]),
        takesEffect: Object.hasOwn(live, name) ? "now" : "restart",
      }));
  }

  function takeUp(newText: string, next: Values, facts: Pick<ConfigPatched, "id" | "by">): ConfigPatched {
    const changes = changesTo(next);
    text = newText;
    onDisk = next;
    for (const { name } of changes) {
      if (!Object.hasOwn(live, name)) continue;
      live[name]?.(next[name]);
      holding[name] = next[name];
    }
    const patched: ConfigPatched = { ...facts, changes };
    if (changes.length === 0) return patched;
    const later = changes.filter(({ takesEffect }) => takesEffect === "restart").map((change) => change.path);
    log.info({ changed: changes.map((change) => change.path), restartNeeded: later }, "the configuration has changed");
    for (const listener of listeners) listener(patched);
    return patched;
  }

  async function reload(): Promise<void> {
    try {
      const read = await readFile(path, "utf8");
      if (read !== text) takeUp(read, valuesOf(read), { id: null, by: "file" });
    } catch (error) {
      log.error({ error }, "the configuration file is wrong; what held goes on");
    }
  }

  /** One change at a time: each is made on the text that the one before left. */
  let last: Promise<unknown> = Promise.resolve();
  function inTurn<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = last.then(work);
    last = result.catch(() => undefined);
    return result;
  }

  const linesOf = (error: unknown): string[] =>
    (error instanceof Error ? error.message.split("\n").slice(1) : []).map((line) => line.trim());

  async function write(newText: string, facts: { by: string; summary: string; at: string[] }): Promise<ConfigPatched> {
    let next: Values;
    try {
      next = valuesOf(newText);
    } catch (error) {
      throw wrong(facts.at, linesOf(error));
    }
    const changed = changesTo(next).map(({ name }) => name);
    if ((await history.list(1)).length === 0) await history.add({ by: "file", summary: "as it was", names: [], text });
    await writeWhole(path, newText);
    const { id } = await history.add({ by: facts.by, summary: facts.summary, names: changed, text: newText });
    return takeUp(newText, next, { id, by: facts.by });
  }

  function checkChangeable(name: string, at: string[], value?: unknown): void {
    if (isFixed(name) || isSecretName(name)) throw wrong(at, ["is changed in the file itself, and not through a door"]);
    if (environment[name] !== undefined) throw wrong(at, ["is set by the environment, which counts for more than the file"]);
    if (typeof value === "string" && (value.includes(REDACTED) || value.includes("${")))
      throw wrong(at, ["may not be a hidden value or a reference"]);
  }

  // The folder and not the file: whoever writes a file whole puts another in its place.
  let settling: NodeJS.Timeout | undefined;
  const watcher = watch(dirname(path), { persistent: false }, (_event, file) => {
    if (file !== null && file !== basename(path)) return;
    clearTimeout(settling);
    settling = setTimeout(() => void inTurn(reload), SETTLE_MS);
  });
  watcher.on("error", (error) => log.warn({ error }, "the configuration file is not watched any more; SIGHUP reads it again"));

  const sections = [...new Set(names.map((name) => pathOf(name).section))];
  const namesIn = (section: string | undefined): string[] => {
    if (section !== undefined && !sections.includes(section))
      throw new GatewayError("not_found", { text: `There is no section ${section}: ${sections.join(", ")}.` });
    return names.filter((name) => section === undefined || pathOf(name).section === section);
  };
  const nested = (of: string[], valueOf: (name: string) => unknown): Record<string, Record<string, unknown>> => {
    const all: Record<string, Record<string, unknown>> = {};
    for (const name of of) {
      const { section, key } = pathOf(name);
      (all[section] ??= {})[key] = valueOf(name);
    }
    return all;
  };

  const textOf = async (id: string): Promise<string> => {
    const kept = await history.find(id);
    if (kept === null) throw new GatewayError("not_found");
    return kept.text;
  };

  return {
    get: (section) => ({
      config: nested(namesIn(section), (name) => redactSetting(name, holding[name])),
      sections,
      restartNeeded: changesTo(onDisk, holding).map((change) => change.path),
    }),
    schema(section) {
      const properties = Object.entries(nested(namesIn(section), (name) => schemas[name])).map(([name, members]) => [
        name,
        { type: "object", additionalProperties: false, properties: members },
      ]);
      return { $schema: "https://json-schema.org/draft/2020-12/schema", type: "object", properties: Object.fromEntries(properties) };
    },
    patch: ({ section, key, value, by, summary }) =>
      inTurn(() => {
        const name = namesIn(section).find((one) => pathOf(one).key === key);
        if (name === undefined) throw wrong([section, key], ["there is no such setting"]);
        checkChangeable(name, [section, key], value);
        const changed = changeText(text, [{ section, key, value }], { isJson: path.endsWith(".json") });
        return write(changed, { by, summary: summary ?? `${section}.${key}`, at: [section, key] });
      }),
    async history({ limit, section }) {
      const entries = await history.list(section === undefined ? limit : historyMax);
      const wanted = new Set(namesIn(section));
      return entries.filter((entry) => section === undefined || entry.names.some((name) => wanted.has(name))).slice(0, limit);
    },
    diff: async (id) => changesTo(onDisk, valuesOf(await textOf(id))),
    rollback: (id, by) =>
      inTurn(async () => {
        const then = await textOf(id);
        const next = valuesOf(then);
        for (const { name, path: at } of changesTo(next)) checkChangeable(name, at.split("."));
        return write(then, { by, summary: `back to ${id}`, at: ["id"] });
      }),
    reload: () => inTurn(reload),
    onPatched(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    close() {
      clearTimeout(settling);
      watcher.close();
    },
  };
}
