import { createHash } from "node:crypto";
import { conversationId as conversationIdOf, isObject, reasoningEffort, submitInput, uuidOfHash } from "@parley/contracts";
import type { Caller } from "@parley/domain";
import type { TurnInput } from "../../turn/begin-turn.ts";
import { type Json, type Origin, userIn, wrong } from "../call.ts";
import type { ChatBody } from "../chat-body.ts";
import { readMessage, textIn } from "./read-message.ts";

/** What agents do by themselves, and what no turn can give. */
function refuseUnsupported(body: ChatBody): void {
  const callsTools = body.tool_choice !== "none";
  for (const name of ["tools", "functions"]) {
    const given = body[name];
    if (callsTools && Array.isArray(given) && given.length > 0) {
      throw wrong(name, "An agent calls its own tools; a request cannot bring others.", "unsupported_parameter");
    }
  }
  if (typeof body.n === "number" && body.n > 1) throw wrong("n", "An agent gives one answer.", "unsupported_value");
}

/** The same conversation for the same user of the same caller and agent: an id that nobody has to keep. */
const usersConversation = ({ organizationId, principalId }: Caller, agentId: string, user: string): string =>
  uuidOfHash(
    createHash("sha256")
      .update(JSON.stringify([organizationId, principalId, agentId, user]))
      .digest("hex"),
  );

function namedConversation({ request }: Origin, body: ChatBody): string | undefined {
  const header = request.headers["x-conversation-id"];
  const inBody = isObject(body.conversation) ? body.conversation.id : body.conversation;
  const named = header ?? inBody ?? undefined;
  if (named === undefined) return undefined;
  const id = conversationIdOf.safeParse(named);
  if (!id.success) throw wrong("conversation", "A conversation is named by its id, a UUID.");
  return id.data;
}

/** What came before, for an agent that has not heard it: the newest of it, oldest first. */
function earlier(messages: Json[], charsMax: number): string {
  const lines: string[] = [];
  let chars = 0;
  for (const { role, content } of messages.toReversed()) {
    const text = textIn(content);
    if ((role !== "user" && role !== "assistant") || text === "") continue;
    const line = `${role}: ${text}`;
    chars += line.length + 1;
    if (chars > charsMax) break;
    lines.unshift(line);
  }
  return lines.length === 0 ? "" : `What was said before, as the caller tells it:\n${lines.join("\n")}`;
}

function outputOptions({ response_format: format, reasoning_effort: effort }: ChatBody): Json {
  const known = reasoningEffort.safeParse(effort);
  const options: Json = known.success ? { reasoningEffort: known.data } : {};
  if (!isObject(format)) return options;
  if (format.type === "json_object") options.outputFormat = "json";
  if (format.type === "json_schema" && isObject(format.json_schema) && isObject(format.json_schema.schema)) {
    options.outputSchema = format.json_schema.schema;
  }
  return options;
}

interface Reading {
  caller: Caller;
  agentId: string;
  historyCharsMax: number;
}

/**
 * The newest user message is what is said; system messages are added to the turn's context. Earlier messages are those of a conversation that the
 * agent has itself; only where the request names none does it get them as context, too.
 */
export function readAgentInput(call: Origin, body: ChatBody, { caller, agentId, historyCharsMax }: Reading): TurnInput {
  refuseUnsupported(body);
  const newest = body.messages.findLastIndex(({ role }) => role === "user");
  const message = body.messages[newest];
  if (message === undefined) throw wrong("messages", "No user message found in messages array");
  const named = namedConversation(call, body);
  const user = userIn(body.user);
  const own = named === undefined && user !== undefined ? usersConversation(caller, agentId, user) : undefined;
  const system = body.messages.filter(({ role }) => role === "system" || role === "developer").map(({ content }) => textIn(content));
  const before = named === undefined && own === undefined ? earlier(body.messages.slice(0, newest), historyCharsMax) : "";
  const additionalContext = [...system, before].filter((text) => text !== "").join("\n\n");
  const parsed = submitInput.safeParse({
    agentId,
    conversationId: named ?? own,
    // What a user is called need be no address.
    ...(user !== undefined && { user: { email: "", id: user } }),
    ...readMessage(message, ["messages", newest]),
    options: { source: "openai", ...outputOptions(body), ...(additionalContext !== "" && { additionalContext }) },
  });
  if (parsed.success) return { submit: parsed.data, isUsersOwn: own !== undefined };
  const [issue] = parsed.error.issues;
  throw wrong("messages", issue?.message ?? "The request does not fit an agent.");
}
