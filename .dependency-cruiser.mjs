/** The rooms that stand on `domain` and may not know one another; `egress` and `redis` they all may use. */
const ADAPTERS = "router|db|queue|events|model|peers|tools|knowledge|payments|identity|settings|media|webhooks|drivers|telemetry";

/** Where each vendor lives. A vendor that is not here has no home yet: give it one. */
const HOMES = {
  "@a2a-js/sdk": ["packages/peers"],
  "@modelcontextprotocol": ["packages/tools", "apps/api"],
  "@trpc/client": ["packages/client"],
  // The client takes its observable, which @trpc/client is written with, and nothing else: its build is checked for that.
  "@trpc/server": ["packages/router", "packages/client", "apps/api"],
  aws4fetch: ["packages/media"],
  bullmq: ["packages/queue"],
  busboy: ["apps/api"],
  "drizzle-orm": ["packages/db"],
  express: ["apps/api"],
  ioredis: ["packages/redis", "packages/identity", "packages/queue", "packages/events"],
  jose: ["packages/identity"],
  "ipaddr.js": ["packages/egress"],
  mppx: ["packages/payments"],
  openai: ["packages/model"],
  pino: ["packages/telemetry"],
  postgres: ["packages/db"],
  "prom-client": ["packages/telemetry"],
  stripe: ["packages/payments"],
  undici: ["packages/egress"],
  uuid: ["packages/contracts"],
  ws: ["apps/api", "packages/egress"],
  yaml: ["packages/settings", "packages/tools"],
  zod: ["packages/(?!domain/)[^/]+", "apps/[^/]+"],
};

/** Tests, and what only tests import, may reach anywhere. */
const TESTS = "[.]test[.]tsx?$|/testing/|^packages/testkit/|^tests/";
const PRODUCT = { path: "^(packages|apps)/[^/]+/src/", pathNot: TESTS };

const escaped = (name) => name.replaceAll(".", "[.]");
const home = ([vendor, homes]) => ({
  name: `vendor-at-home-${vendor.replace("@", "").replaceAll("/", "-")}`,
  severity: "error",
  comment: `${vendor} is imported in ${homes.join(" and ")} only.`,
  from: { path: PRODUCT.path, pathNot: [TESTS, `^(${homes.join("|")})/`] },
  to: { path: `node_modules/(@types/)?${escaped(vendor)}/` },
});

/** @type {import("dependency-cruiser").IConfiguration} */
export default {
  forbidden: [
    { name: "no-cycle", severity: "error", comment: "Files may not depend on one another in a circle.", from: {}, to: { circular: true } },
    {
      name: "unknown-import",
      severity: "error",
      comment: "The import leads nowhere, or goes into a package past its exports.",
      // The peers that bench measures are installed on demand.
      from: { pathNot: "^bench/src/peers/" },
      to: { couldNotResolve: true },
    },
    {
      name: "entered-by-exports",
      severity: "error",
      comment: "Import another package by its name, not by a path into it.",
      from: { path: "^(?:packages|apps)/([^/]+)/" },
      to: { path: "^packages/(?!$1/)", dependencyTypesNot: ["aliased-workspace"] },
    },
    {
      name: "entered-by-exports-from-outside",
      severity: "error",
      comment: "Import a package by its name, not by a path into it.",
      from: { path: "^(scripts|bench|tests|examples)/" },
      to: { path: "^(packages|apps)/", dependencyTypesNot: ["aliased-workspace"] },
    },
    {
      name: "contracts-alone",
      severity: "error",
      comment: "contracts depends on no other room.",
      from: { path: "^packages/contracts/", pathNot: TESTS },
      to: { path: "^(packages/(?!contracts/)|apps/|scripts/|bench/)" },
    },
    {
      name: "domain-knows-contracts-only",
      severity: "error",
      comment: "domain imports contracts, and nothing from a vendor.",
      from: { path: "^packages/domain/", pathNot: TESTS },
      to: { path: "^(packages/(?!domain/|contracts/)|apps/|scripts/|bench/)|node_modules/(?!@types/node/)" },
    },
    {
      name: "adapters-apart",
      severity: "error",
      comment: "Adapters stand on domain and contracts, may use egress and redis, and do not import one another.",
      from: { path: `^packages/(${ADAPTERS})/`, pathNot: TESTS },
      to: { path: "^packages/", pathNot: "^packages/($1|contracts|domain|egress|redis)/" },
    },
    {
      name: "egress-and-redis-alone",
      severity: "error",
      comment: "egress and redis are used by the other adapters, and use none of them nor one another.",
      from: { path: "^packages/(egress|redis)/", pathNot: TESTS },
      to: { path: "^packages/(?!$1/|contracts/|domain/)" },
    },
    {
      name: "client-knows-contracts-and-types",
      severity: "error",
      comment: "The client imports contracts and the router's types, no server code.",
      from: { path: "^packages/client/", pathNot: TESTS },
      to: { path: "^packages/(?!client/|contracts/)", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "client-types-from-router-only",
      severity: "error",
      comment: "Types of the client come from contracts and router.",
      from: { path: "^packages/client/", pathNot: TESTS },
      to: { path: "^packages/(?!client/|contracts/|router/)" },
    },
    {
      name: "packages-know-no-app",
      severity: "error",
      comment: "Packages never import apps.",
      from: { path: "^packages/" },
      to: { path: "^apps/" },
    },
    {
      name: "apps-apart",
      severity: "error",
      comment: "Apps never import one another.",
      from: { path: "^apps/([^/]+)/" },
      to: { path: "^apps/(?!$1/)" },
    },
    {
      name: "doors-apart",
      severity: "error",
      comment:
        "Doors of the api do not import one another; what several need stands beside them. MCP is JSON-RPC, and reads bodies as that does.",
      from: { path: "^apps/api/src/(a2a|dashboard|gateway-chat|hooks|identity|mcp|media|openai|payments|peers|plan|rest|rpc|trpc)/" },
      to: {
        path: "^apps/api/src/(a2a|dashboard|gateway-chat|hooks|identity|mcp|media|openai|payments|peers|plan|rest|rpc|trpc)/",
        pathNot: "^apps/api/src/($1/|rpc/read-body)",
      },
    },
    {
      name: "testkit-in-tests-only",
      severity: "error",
      comment: "Only tests import testkit.",
      from: { pathNot: TESTS },
      to: { path: "^packages/testkit/" },
    },
    {
      name: "testing-in-tests-only",
      severity: "error",
      comment: "What stands in a testing folder is imported by tests only.",
      from: { pathNot: TESTS },
      to: { path: "^(packages|apps)/.*/testing/" },
    },
    {
      name: "product-knows-no-scripts",
      severity: "error",
      comment: "Packages and apps import nothing from scripts, bench, tests or docs.",
      from: { path: "^(packages|apps)/" },
      to: { path: "^(scripts|bench|tests|examples|docs)/" },
    },
    ...Object.entries(HOMES).map(home),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    exclude: { path: "^(packages|apps)/[^/]+/dist/|^bench/peers/" },
    tsPreCompilationDeps: true,
    combinedDependencies: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default"],
      extensions: [".ts", ".tsx", ".mjs", ".js", ".json", ".d.ts"],
    },
  },
};
