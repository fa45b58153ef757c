import { withoutMarks } from "../turn/enclosed.ts";
import { WEBHOOK_MARK } from "../turn/holds-foreign-text.ts";

/** What templates of a delivery may name. */
export interface TemplateFacts {
  payload: unknown;
  headers: Record<string, string>;
  query: Record<string, string>;
  path: string;
  /** ISO 8601. */
  now: string;
}

const PLACE = /\{\{\s*([^{}]{1,500}?)\s*\}\}/g;

/** Fills a template in. What is not there is nothing. `wrap` is given each value that came from outside. */
function render(template: string, facts: TemplateFacts, wrap: (value: string) => string): string {
  return template.replace(PLACE, (_, expression: string) => {
    const value = asText(find(expression, facts));
    return value === "" ? "" : wrap(value);
  });
}

/** For keys: the values as they are. */
export const renderPlain = (template: string, facts: TemplateFacts): string => render(template, facts, (value) => value);

/** For a model: each value between marks that say where it comes from, which it cannot end. */
export const renderMessage = (template: string, facts: TemplateFacts): string =>
  render(template, facts, (value) => `<${WEBHOOK_MARK}>${withoutMarks(value)}</${WEBHOOK_MARK}>`);

function find(expression: string, { payload, headers, query, path, now }: TemplateFacts): unknown {
  if (expression === "path") return path;
  if (expression === "now") return now;
  if (expression === "payload") return payload;
  const [, root, rest = ""] = /^(payload|headers|query)\.(.+)$/.exec(expression) ?? [];
  // Names of headers and of a query have no parts.
  if (root === "headers") return own(headers, rest.toLowerCase());
  if (root === "query") return own(query, rest);
  return at(payload, root === undefined ? expression : rest);
}

/** What stands at `a.b[0].c`. */
function at(value: unknown, expression: string): unknown {
  return expression
    .split(/\.|\[(\d+)\]/)
    .filter((part) => part !== undefined && part !== "")
    .reduce<unknown>((inner, part) => own(inner, part), value);
}

const own = (value: unknown, name: string): unknown =>
  typeof value === "object" && value !== null && Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;

/** Without what Postgres keeps in no text: U+0000 and halves of characters. */
function asText(value: unknown): string {
  if (value === undefined || value === null) return "";
  return (typeof value === "object" ? JSON.stringify(value) : String(value)).replaceAll("\u0000", "").toWellFormed();
}
