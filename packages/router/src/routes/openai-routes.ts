import type { RouteRow } from "./route-row.ts";
import { direct, read, readItems, rest, writeItems } from "./row-parts.ts";

export const OPENAI_ROUTES = {
  "openai.chat": { ...direct, tenant: "agent", rest: rest("POST", "/v1/chat/completions") },
  "openai.embeddings": { ...direct, tenant: "none", rest: rest("POST", "/v1/embeddings") },
  "openai.speech": { ...direct, tenant: "none", rest: rest("POST", "/v1/audio/speech") },
  "openai.transcriptions": { ...direct, tenant: "none", rest: rest("POST", "/v1/audio/transcriptions") },
  "openai.models": {
    kind: null,
    scope: ["api", "rpc"],
    tenant: "agent",
    ...read,
    rest: rest("GET", "/v1/models", "/v1/models/*id"),
  },

  "responses.create": { ...direct, tenant: "agent", rest: rest("POST", "/v1/responses") },
  "responses.compact": { ...direct, tenant: "none", rest: rest("POST", "/v1/responses/compact") },
  "responses.countInput": { ...readItems, rest: rest("POST", "/v1/responses/input_tokens") },
  "responses.get": { ...readItems, rest: rest("GET", "/v1/responses/:responseId") },
  "responses.inputItems": { ...readItems, rest: rest("GET", "/v1/responses/:responseId/input_items") },
  "responses.cancel": { ...writeItems, rest: rest("POST", "/v1/responses/:responseId/cancel") },
  "responses.delete": { ...writeItems, rest: rest("DELETE", "/v1/responses/:responseId") },
  "responses.makeConversation": { ...writeItems, rest: rest("POST", "/v1/conversations") },
  "responses.getConversation": { ...readItems, rest: rest("GET", "/v1/conversations/:itemsId") },
  "responses.updateConversation": { ...writeItems, rest: rest("POST", "/v1/conversations/:itemsId") },
  "responses.deleteConversation": { ...writeItems, rest: rest("DELETE", "/v1/conversations/:itemsId") },
  "responses.addItems": { ...writeItems, rest: rest("POST", "/v1/conversations/:itemsId/items") },
  "responses.listItems": { ...readItems, rest: rest("GET", "/v1/conversations/:itemsId/items") },
  "responses.getItem": { ...readItems, rest: rest("GET", "/v1/conversations/:itemsId/items/:itemId") },
  "responses.deleteItem": { ...writeItems, rest: rest("DELETE", "/v1/conversations/:itemsId/items/:itemId") },
} as const satisfies Record<string, RouteRow>;
