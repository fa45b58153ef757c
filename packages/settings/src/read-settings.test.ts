import { expect, test } from "vitest";
import { changeText } from "./change-text.ts";
import { readSettings } from "./read-settings.ts";
import { isSecretName, redactSetting } from "./redact-setting.ts";
import { pathOf, pathText } from "./setting-path.ts";

const names = ["HOST", "CORS_ORIGINS", "LIMIT_READ_CALLS_MAX", "JWT_ISSUER", "TLS_CLIENT_PRINCIPALS", "DATABASE_URL"];
const read = (text: string, environment: Record<string, string> = {}) => readSettings(text, { names, environment });

test("each variable has its place in a section", () => {
  expect(names.map((name) => pathText(pathOf(name)))).toEqual([
    "server.host",
    "server.corsOrigins",
    "limits.readCallsMax",
    "jwt.issuer",
    "tls.clientPrincipals",
    "database.url",
  ]);
});

test("YAML and JSON give variables as an environment has them", () => {
  const values = { CORS_ORIGINS: "https://a,https://b", LIMIT_READ_CALLS_MAX: "7", TLS_CLIENT_PRINCIPALS: '{"CN=x":{}}' };
  const yaml =
    "server:\n  corsOrigins: [https://a, https://b]\n  host: null\nlimits: { readCallsMax: 7 }\ntls: { clientPrincipals: { CN=x: {} } }\n";
  expect(read(yaml)).toEqual({ values, problems: [] });
  const json = {
    server: { corsOrigins: ["https://a", "https://b"] },
    limits: { readCallsMax: 7 },
    tls: { clientPrincipals: { "CN=x": {} } },
  };
  expect(read(JSON.stringify(json))).toEqual({ values, problems: [] });
  expect(read("")).toEqual({ values: {}, problems: [] });
});

test("references are filled from the environment, and one that is not there is a problem", () => {
  const text = "database: { url: 'postgres://u:${PASSWORD}@h/$${x}' }\njwt: { issuer: '${NOTHING}' }";
  expect(read(text, { PASSWORD: "p" })).toEqual({
    values: { DATABASE_URL: "postgres://u:p@h/${x}", JWT_ISSUER: "" },
    problems: ["jwt.issuer: ${NOTHING} is not set in the environment"],
  });
});

test("all that is wrong is said at once", () => {
  expect(read("limits: 7\nserver: { hots: x, port: 1 }").problems).toEqual([
    "limits: is no section with settings in it",
    "server.hots: there is no such setting",
    "server.port: there is no such setting",
  ]);
  expect(read("a: [").problems[0]).toMatch(/^the file cannot be read: /);
  expect(read("- a").problems).toEqual(["the file must have sections, such as `limits:`"]);
});

test("a changed file keeps its comments and its kind", () => {
  const changed = changeText("# ours\nlimits:\n  # few\n  readCallsMax: 7\n", [{ section: "limits", key: "readCallsMax", value: 8 }], {
    isJson: false,
  });
  expect(changed).toBe("# ours\nlimits:\n  # few\n  readCallsMax: 8\n");
  const added = changeText(changed, [{ section: "server", key: "corsOrigins", value: ["https://a"] }], { isJson: false });
  expect(read(added).values).toEqual({ LIMIT_READ_CALLS_MAX: "8", CORS_ORIGINS: "https://a" });
  const removed = changeText(added, [{ section: "limits", key: "readCallsMax", value: null }], { isJson: false });
  expect(read(removed).values).toEqual({ CORS_ORIGINS: "https://a" });
  expect(JSON.parse(changeText("", [{ section: "limits", key: "readCallsMax", value: 1 }], { isJson: true }))).toEqual({
    limits: { readCallsMax: 1 },
  });
});

test("secrets are known by their names, and passwords in addresses are hidden", () => {
  for (const name of ["ADMIN_SECRET", "OPENAI_API_KEY", "MEDIA_S3_SECRET_KEY"]) expect(isSecretName(name)).toBe(true);
  for (const name of ["TLS_KEY_FILE", "QUERY_TOKENS", "LIMIT_READ_CALLS_MAX"]) expect(isSecretName(name)).toBe(false);
  expect(redactSetting("DATABASE_URL", "postgres://u:secret@h/d")).toBe("postgres://u:[REDACTED]@h/d");
  expect(redactSetting("ADMIN_SECRET", "secret")).toBe("[REDACTED]");
});
