import { at, eventFrames, type RestClient } from "@parley/testkit";

/** What became of a call, the same for every transport: `ok`, or the refusal's code, status and words. */
export type Outcome = { ok: true; data: unknown } | { ok: false; code: string; status: number; message: string };

export const outcomeOf = (shape: unknown): Outcome => ({
  ok: false,
  code: String(at(shape, "data", "code")),
  status: Number(at(shape, "data", "httpStatus")),
  message: String(at(shape, "message")),
});

/** Calls a procedure over HTTP. Of a subscription only the first item is read, or its refusal. */
export async function callTrpc(
  rest: RestClient,
  kind: "query" | "mutation" | "subscription",
  path: string,
  input: unknown,
): Promise<Outcome> {
  const query = input === undefined ? "" : `?input=${encodeURIComponent(JSON.stringify(input))}`;
  const answer =
    kind === "query"
      ? await rest.call(`/trpc/${path}${query}`)
      : await rest.call(`/trpc/${path}`, { body: input, ...(kind === "subscription" && { signal: AbortSignal.timeout(10_000) }) });
  if (kind !== "subscription") {
    const error = at(answer.body, "error");
    return error === undefined ? { ok: true, data: at(answer.body, "result", "data") } : outcomeOf(error);
  }
  const bytes = new TextEncoder().encode(answer.text);
  for await (const frame of eventFrames(one(bytes))) {
    if (frame.event === "serialized-error") return outcomeOf(JSON.parse(frame.data));
  }
  return { ok: true, data: undefined };
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
