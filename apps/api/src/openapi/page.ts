import { createHash } from "node:crypto";
import { isObject } from "@parley/contracts";
import type { Json } from "./json-schema.ts";

const STYLE = `
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 70rem; margin: 0 auto; padding: 1rem; }
summary { cursor: pointer; padding: .3rem 0; }
summary b { display: inline-block; min-width: 4.5rem; }
code, pre { font: .85rem/1.45 ui-monospace, monospace; }
pre { overflow-x: auto; padding: .75rem; border: 1px solid #8886; border-radius: .3rem; }
details > div { padding: 0 0 1rem 1rem; }
table { border-collapse: collapse; }
td { padding: .15rem 1rem .15rem 0; vertical-align: top; }
`;

const sourceHash = (text: string): string => `'sha256-${createHash("sha256").update(text).digest("base64")}'`;

/** Nothing is loaded and nothing runs; the one style is known by its hash. */
export const PAGE_POLICY = `default-src 'none'; style-src ${sourceHash(STYLE)}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`;

const ENTITIES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };
const escaped = (value: unknown): string => String(value).replace(/[&<>"']/g, (letter) => ENTITIES[letter] ?? "");

const objects = (value: unknown): Json[] => (Array.isArray(value) ? value.filter(isObject) : []);
const entries = (value: unknown): [string, Json][] =>
  Object.entries(isObject(value) ? value : {}).filter(([, one]) => isObject(one)) as [string, Json][];

/** A schema as it is written, its references as links. */
const schemaText = (schema: unknown): string =>
  escaped(JSON.stringify(schema, null, 2)).replace(
    /#\/components\/(schemas|responses)\/([\w.-]+)/g,
    (whole, kind: string, name: string) => `<a href="#${kind}/${name}">${whole}</a>`,
  );

const parameterLine = (parameter: Json): string =>
  `<tr><td><code>${escaped(parameter["name"])}</code></td><td>${escaped(parameter["in"])}${parameter["required"] === true ? ", needed" : ""}</td>` +
  `<td>${escaped(parameter["description"] ?? "")} <code>${schemaText(parameter["schema"])}</code></td></tr>`;

const contents = (content: unknown): string =>
  entries(content)
    .map(([type, { schema, example }]) => {
      const sample = example === undefined ? "" : `<pre>${escaped(JSON.stringify(example, null, 2))}</pre>`;
      return `<p><code>${escaped(type)}</code></p>${sample}${schema === undefined ? "" : `<pre>${schemaText(schema)}</pre>`}`;
    })
    .join("");

const answerLine = ([status, answer]: [string, Json]): string =>
  typeof answer["$ref"] === "string"
    ? `<p><b>${escaped(status)}</b> ${schemaText(answer["$ref"])}</p>`
    : `<p><b>${escaped(status)}</b> ${escaped(answer["description"])}</p>${contents(answer["content"])}`;

const operationPart = (method: string, path: string, operation: Json): string => `
<details id="${escaped(operation["operationId"])}"><summary><b>${escaped(method.toUpperCase())}</b> <code>${escaped(path)}</code> ${escaped(operation["summary"])}</summary><div>
<p>${escaped(operation["description"] ?? "")}</p>
<p>Let in by <code>${escaped(JSON.stringify(operation["security"]))}</code></p>
<table>${objects(operation["parameters"]).map(parameterLine).join("")}</table>
${isObject(operation["requestBody"]) ? `<h4>Body</h4>${contents(operation["requestBody"]["content"])}` : ""}
<h4>Answers</h4>${entries(operation["responses"]).map(answerLine).join("")}
</div></details>`;

const componentPart = (kind: string, [name, component]: [string, Json]): string =>
  `<details id="${kind}/${escaped(name)}" open><summary><code>${escaped(name)}</code></summary><pre>${schemaText(component)}</pre></details>`;

/** The document as one page, without a script: a browser shows it as it is, and so does a text reader. */
export function docsPage(document: Json): string {
  const { info, tags, paths, components } = document as Record<string, Json>;
  const operations = entries(paths).flatMap(([path, methods]) =>
    entries(methods).map(([method, operation]) => ({
      tag: objects([operation]).flatMap((one) => one["tags"])[0],
      part: operationPart(method, path, operation),
    })),
  );
  const groups = objects(tags).map(
    ({ name, description }) =>
      `<h2>${escaped(name)}</h2><p>${escaped(description)}</p>${operations.flatMap(({ tag, part }) => (tag === name ? [part] : [])).join("")}`,
  );
  const parts = ["schemas", "responses"].map(
    (kind) =>
      `<h2>${kind}</h2>${entries(components?.[kind])
        .map((component) => componentPart(kind, component))
        .join("")}`,
  );
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Parley</title><style>${STYLE}</style></head>
<body><h1>Parley</h1><p>${escaped(info?.["description"])} The same for programs: <a href="/openapi.json">openapi.json</a>.</p>${groups.join("")}${parts.join("")}</body></html>`;
}
