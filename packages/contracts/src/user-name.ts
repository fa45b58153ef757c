/** Of a name that stands by itself; an e-mail address may be longer. */
export const USER_NAME_CHARS_MAX = 200;

/**
 * What a user is known by within an organization: in budgets, charges and statements, whichever door has named it. It is free text of whoever holds the
 * key, so the same letters are one name however they are encoded or padded, and what no database keeps is no part of it. The case counts. Null: nobody is named.
 */
export function userName(said: string | null | undefined): string | null {
  const name = (said ?? "").toWellFormed().replaceAll("\u0000", "").normalize("NFC").trim();
  return name === "" ? null : name;
}
