import { z } from "zod";
import { BOUNDS, type LimitName, type Limits } from "./limits.ts";

type Screaming<Name extends string> = Name extends `${infer First}${infer Rest}`
  ? `${First extends Lowercase<First> ? Uppercase<First> : `_${First}`}${Screaming<Rest>}`
  : "";

type Setting = `LIMIT_${Screaming<LimitName>}`;

/** A bound's environment variable: `queueMax` is `LIMIT_QUEUE_MAX`. */
export const settingOf = (name: LimitName): Setting => `LIMIT_${name.replace(/[A-Z]/g, (letter) => `_${letter}`).toUpperCase()}` as Setting;

const NAMES = Object.keys(BOUNDS) as LimitName[];

function settingShape(name: LimitName) {
  const { standard, floor, ceiling } = BOUNDS[name];
  return z.coerce.number().int().min(floor).max(ceiling).default(standard);
}

/** A variable for every bound. All processes of a system are given the same ones. */
export const limitSettings = z.object(
  Object.fromEntries(NAMES.map((name) => [settingOf(name), settingShape(name)])) as Record<Setting, ReturnType<typeof settingShape>>,
);

/** The bounds as the settings have them. */
export const limitsFrom = (settings: Record<Setting, number>): Limits =>
  Object.fromEntries(NAMES.map((name) => [name, settings[settingOf(name)]])) as Limits;
