/** What Stripe names, whether it is shown whole or by its id. */
export const idOf = (reference: string | { id: string } | null): string | null =>
  typeof reference === "string" ? reference : (reference?.id ?? null);
