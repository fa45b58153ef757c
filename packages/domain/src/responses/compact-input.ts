import { GatewayError, type Usage } from "@parley/contracts";
import type { GatewayContext } from "../gateway-ports.ts";
import type { Caller } from "../identity/caller.ts";
import { beginAnswer, placeOf } from "./answer-response.ts";
import { type CreateFacts, modelsOf, prepareResponse } from "./create-response.ts";
import { type Item, itemId } from "./response.ts";
import { ResponseBuilder } from "./response-builder.ts";
import type { ResponseRequest } from "./response-request.ts";

const ASKED =
  "Summarise this conversation for whoever goes on with it: what was asked for, what was decided, what is known, what is still open, " +
  "and every name, number and identifier that may be needed. Answer with the summary alone.";

export interface Compacted {
  output: Item[];
  usage: Usage;
  createdAt: number;
}

/** Messages of the user that stay as they are, the newest. */
const KEPT_MAX = 3;
const KEPT_CHARS_MAX = 8_192;

function keptMessages(items: readonly Item[]): Item[] {
  const kept: Item[] = [];
  let chars = 0;
  for (const item of items.toReversed()) {
    if (item.type !== "message" || item.role !== "user") continue;
    chars += JSON.stringify(item).length;
    if (kept.length === KEPT_MAX || chars > KEPT_CHARS_MAX) break;
    kept.unshift({ ...item, status: "completed" });
  }
  return kept;
}

/** Makes few items of many: a summary that is sealed for the organization, and the user's newest words. Nothing of it is kept here. */
export async function compactInput(
  context: GatewayContext,
  caller: Caller,
  request: ResponseRequest,
  { route, requestId, signal, remembered }: CreateFacts,
): Promise<Compacted> {
  const { vault } = context;
  if (vault === null) throw new GatewayError("secrets_not_configured");
  const models = modelsOf(context, request);
  const { before, inputs } = await prepareResponse(context, caller, request, remembered);
  const items = [...before.items, ...inputs];
  const question: Item = { type: "message", id: itemId("message"), role: "user", content: [{ type: "input_text", text: ASKED }] };
  const asked: ResponseRequest = { ...request, tools: [], toolChoice: "auto", text: { format: { type: "text" } } };
  const answering = { request: asked, items: [...items, question], models, route, requestId, signal };
  const begun = await beginAnswer(context, caller, answering);
  const builder = new ResponseBuilder({ id: "resp_", status: "in_progress", output: [] }, { showsSummary: false, seal: null });
  for await (const _ of begun.tell(builder, context.clock));
  const summary = builder.snapshot.output
    .flatMap(({ content }) => (Array.isArray(content) ? content.map((part: { text?: string }) => part.text ?? "") : []))
    .join("");
  if (summary === "") throw new GatewayError("model_unavailable", { detail: "a summary without a word" });
  const compaction: Item = {
    type: "compaction",
    id: itemId("compaction"),
    encrypted_content: vault.seal(summary, placeOf(caller.organizationId)),
  };
  return { output: [...keptMessages(items), compaction], usage: begun.usage(), createdAt: Math.floor(context.clock.now() / 1_000) };
}
