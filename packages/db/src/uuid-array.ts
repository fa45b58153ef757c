/** Ids as Postgres writes a list of them; the driver does not know the server's array types. */
export const uuidArray = (ids: readonly string[]): string => `{${ids.join(",")}}`;
