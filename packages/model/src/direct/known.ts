import { isObject } from "@parley/contracts";

/** What a provider sends is looked at before it is believed. */
export type Json = Record<string, unknown>;

export const objectsIn = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

export const textOf = (value: unknown): string => (typeof value === "string" ? value : "");
