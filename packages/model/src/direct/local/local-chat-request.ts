import { isObject } from "@parley/contracts";
import type { ModelMessage, ModelRequest, ToolDefinition } from "@parley/domain";
import { type Json, objectsIn, textOf } from "../known.ts";
import { refuse } from "./refuse.ts";

/** What the built-in model adds to its request: where its text ends, and how many calls it may make. */
export interface LocalChatRequest {
  request: ModelRequest;
  stops: string[];
  callsMax: number;
}

const ROLES: ReadonlySet<unknown> = new Set(["system", "developer", "user", "assistant", "tool", "function"]);

/** The text of a message; of parts that are no text only that they are there. */
const contentOf = (content: unknown): string => {
  if (typeof content === "string") return content;
  return objectsIn(content)
    .map((part) => (typeof part.text === "string" ? part.text : typeof part.refusal === "string" ? part.refusal : `[${textOf(part.type)}]`))
    .join("\n");
};

function messageOf(message: Json, index: number): ModelMessage {
  if (!ROLES.has(message.role)) throw refuse(`messages[${index}].role`, `${String(message.role)} is no role.`);
  const content = contentOf(message.content);
  switch (message.role) {
    case "system":
    case "developer":
      return { role: "system", content };
    case "assistant": {
      const toolCalls = objectsIn(message.tool_calls).map(({ id, function: called }) => {
        const { name, arguments: given } = isObject(called) ? called : {};
        return { id: textOf(id), name: textOf(name), arguments: textOf(given) };
      });
      return { role: "assistant", content, ...(toolCalls.length > 0 && { toolCalls }) };
    }
    case "tool":
    case "function":
      return { role: "tool", toolCallId: textOf(message.tool_call_id ?? message.name), content };
    default:
      return { role: "user", content };
  }
}

/** Each call is followed by its result before anyone else speaks, as providers demand. */
function checkPairs(messages: ModelMessage[]): void {
  const open = new Set<string>();
  for (const [index, message] of messages.entries()) {
    if (message.role === "tool") {
      open.delete(message.toolCallId);
      continue;
    }
    const [missing] = open;
    if (missing !== undefined) throw refuse(`messages[${index}]`, `The call ${missing} has no tool message with its result.`);
    if (message.role === "assistant") for (const { id } of message.toolCalls ?? []) open.add(id);
  }
  const [missing] = open;
  if (missing !== undefined) throw refuse("messages", `The call ${missing} has no tool message with its result.`);
}

const toolsOf = (body: Json): ToolDefinition[] =>
  objectsIn(body.tools).flatMap(({ function: given }) =>
    isObject(given) && typeof given.name === "string"
      ? [
          {
            name: given.name,
            description: textOf(given.description),
            parameters: isObject(given.parameters) ? given.parameters : { type: "object" },
          },
        ]
      : [],
  );

function choiceOf({ tool_choice: choice }: Json, tools: ToolDefinition[]): { choice: ModelRequest["toolChoice"]; tools: ToolDefinition[] } {
  if (choice === "none" || choice === "required" || choice === "auto") return { choice, tools };
  if (!isObject(choice)) return { choice: "auto", tools };
  if (isObject(choice.allowed_tools)) {
    const allowed = new Set(
      objectsIn(choice.allowed_tools.tools).map((tool) => (isObject(tool.function) ? tool.function.name : undefined)),
    );
    return { choice: choice.allowed_tools.mode === "required" ? "required" : "auto", tools: tools.filter(({ name }) => allowed.has(name)) };
  }
  const name = isObject(choice.function) ? textOf(choice.function.name) : "";
  if (!tools.some((tool) => tool.name === name)) throw refuse("tool_choice", `There is no tool ${name}.`);
  return { choice: { name }, tools };
}

const ANY_OBJECT = { type: "object", properties: { answer: { type: "string" } }, required: ["answer"] };

function schemaOf({ response_format: format }: Json): Json | undefined {
  if (!isObject(format)) return undefined;
  if (format.type === "json_object") return ANY_OBJECT;
  if (format.type !== "json_schema") return undefined;
  const named = isObject(format.json_schema) ? format.json_schema : {};
  if (!isObject(named.schema)) throw refuse("response_format.json_schema.schema", "A JSON schema is needed.");
  return named.schema;
}

const positive = (body: Json, name: string): number | undefined => {
  const value = body[name] ?? undefined;
  if (value === undefined) return undefined;
  if (typeof value !== "number" || !Number.isInteger(value) || value < 1) throw refuse(name, `${name} is a whole number above 0.`);
  return value;
};

const STOPS_MAX = 4;

function stopsOf({ stop }: Json): string[] {
  const given: unknown[] = [stop ?? []].flat();
  const stops = given.flatMap((one) => (typeof one === "string" && one !== "" ? [one] : []));
  if (stops.length > STOPS_MAX || stops.length < given.length) throw refuse("stop", `Up to ${STOPS_MAX} texts, none of them empty.`);
  return stops;
}

/** A chat request as the built-in model takes it; `bound` goes before what the body says of its answer's length. Throws `model_refused` with the parameter that is wrong. */
export function localChatRequest(body: Json, signal: AbortSignal, bound?: number): LocalChatRequest {
  if ((positive(body, "n") ?? 1) > 1) throw refuse("n", "local/chat gives one choice.");
  const messages = objectsIn(body.messages).map(messageOf);
  checkPairs(messages);
  const { choice, tools } = choiceOf(body, toolsOf(body));
  const responseSchema = schemaOf(body);
  const maxOutputTokens = bound ?? positive(body, "max_completion_tokens") ?? positive(body, "max_tokens");
  return {
    stops: stopsOf(body),
    callsMax: body.parallel_tool_calls === false ? 1 : Number.POSITIVE_INFINITY,
    request: {
      model: "local/chat",
      messages,
      signal,
      ...(tools.length > 0 && { tools, toolChoice: choice ?? "auto" }),
      ...(responseSchema !== undefined && { responseSchema }),
      ...(maxOutputTokens !== undefined && { maxOutputTokens }),
    },
  };
}
