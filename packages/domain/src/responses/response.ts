import { GatewayError, isObject, newId, type RefusedBy } from "@parley/contracts";

export type Json = Record<string, unknown>;

export const objectsIn = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

export type ResponseStatus = "queued" | "in_progress" | "completed" | "incomplete" | "failed" | "cancelled";

export const isEnded = (status: ResponseStatus): boolean => status !== "queued" && status !== "in_progress";

/** One thing that was said or done, as the wire has it: a message, a call, its output, reasoning, what stands for older ones. */
export type Item = Json & { type: string; id: string };

/** A response as its callers see it; every member is there, null where it has no value. */
export interface ResponseSnapshot extends Json {
  id: string;
  status: ResponseStatus;
  output: Item[];
}

/** One event of a response, and the text by which it is told, now and whenever it is told again. */
export interface ResponseEvent {
  type: string;
  text: string;
}

/** What went wrong with a response, as it stands in it. */
export interface ResponseFailure {
  type: string;
  code: string;
  message: string;
  param: string | null;
  /** Which balance or budget has refused; without its figures, as a response may be stored. */
  refusedBy?: RefusedBy;
}

const ID = /^(resp|conv)_([0-9a-f]{8})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{4})([0-9a-f]{12})$/;

const publicId =
  (kind: "resp" | "conv") =>
  (id: string): string =>
    `${kind}_${id.replaceAll("-", "")}`;

/** The UUID within an id of the wire; null where it is none of that kind. */
const uuidIn =
  (kind: "resp" | "conv") =>
  (id: string): string | null => {
    const parts = ID.exec(id);
    return parts?.[1] === kind ? parts.slice(2).join("-") : null;
  };

export const responseIdOf = publicId("resp");
export const uuidOfResponse = uuidIn("resp");
export const conversationIdOf = publicId("conv");
export const uuidOfConversation = uuidIn("conv");

const PREFIXES: Record<string, string> = {
  message: "msg",
  function_call: "fc",
  function_call_output: "fco",
  reasoning: "rs",
  compaction: "cmp",
};

/** An id for an item of the type; with a response, the same one for the same place in its output whenever it is made. */
export function itemId(type: string, place?: { responseId: string; index: number }): string {
  const prefix = PREFIXES[type] ?? "item";
  if (place === undefined) return `${prefix}_${newId<string>().replaceAll("-", "")}`;
  return `${prefix}_${place.responseId.slice("resp_".length)}${place.index.toString(16).padStart(4, "0")}`;
}

/** What is wrong with one parameter of a request: 400, with its place. */
export const wrongParameter = (place: string | (string | number)[], message: string, code = "invalid_value"): GatewayError =>
  new GatewayError("bad_request", { text: message, issues: [{ path: [place].flat(), code, message }] });

export const noSuchPrevious = (id: string): GatewayError =>
  wrongParameter("previous_response_id", `Previous response with id '${id}' not found.`, "previous_response_not_found");

export const contextTooLarge = (): GatewayError =>
  wrongParameter("input", "What is to be read is more than one response may have.", "context_length_exceeded");
