import { at, type RestAnswer, type RestRequest } from "@parley/testkit";
import { expect } from "vitest";

interface Rest {
  call(path: string, request?: RestRequest): Promise<RestAnswer>;
}

interface Listed {
  items: { kind: string; id: string; reference: string | null; session_id: string | null; nonce: string | null }[];
  next: string | null;
}

/** Five calls paid in five ways, one of them by card: whoever says what they have paid is answered, by its id, its receipt, its transaction or its payment by card. */
export async function findsPayments(rest: Rest): Promise<void> {
  const listed = async (query: string) => (await rest.call(`/api/billing/payments?${query}`, { method: "GET" })).body as Listed;
  const all = (await listed("")).items;
  expect(all.map(({ kind }) => kind).sort()).toEqual(["call", "call", "call", "card", "offer", "offer"]);
  const parts = await listed("limit=4");
  expect([...parts.items, ...(await listed(`limit=4&after=${parts.next}`)).items]).toEqual(all);
  expect((await listed("kind=call&state=captured")).items).toHaveLength(3);
  expect((await listed("state=unknown")).items).toEqual([]);
  for (const one of all) {
    const names = [one.id, one.reference, one.session_id && `session:${one.session_id}:${one.nonce}`].filter((name) => name !== null);
    for (const name of names) expect((await listed(`reference=${encodeURIComponent(name)}&kind=${one.kind}`)).items).toEqual([one]);
  }
  expect(await listed("reference=nothing")).toMatchObject({ items: [], next: null });
  const charges = at((await rest.call("/api/billing/charges", { method: "GET" })).body, "items") as {
    source_type: string;
    source_id: string;
  }[];
  const sources = charges.filter((charge) => charge.source_type === "plugin").map((charge) => charge.source_id);
  expect(sources.sort()).toEqual(all.flatMap(({ kind, id }) => (kind === "card" ? [] : [id])).sort());
}
