import type { Vault } from "./vault.ts";

/** What was sealed for that place; null where it does not open with the keys that are here, now or later. */
export function openSealed(vault: Vault | null, sealed: string, place: string): string | null {
  try {
    return vault?.open(sealed, place) ?? null;
  } catch {
    return null;
  }
}
