/** One violation of each rule: the rule as its tool names it, and the files that break it. */
export interface Violation {
  rule: string;
  files: Record<string, string>;
}

export const LINT: Violation[] = [
  {
    rule: "typescript(no-floating-promises)",
    files: { "packages/domain/src/floating.ts": "const later = async () => 1;\nlater();\n" },
  },
  {
    rule: "typescript(no-misused-promises)",
    files: { "packages/domain/src/misused.ts": "const later = async () => true;\nif (later()) throw new Error();\n" },
  },
  { rule: "typescript(await-thenable)", files: { "packages/domain/src/thenable.ts": "export const now = async () => await 1;\n" } },
  { rule: "typescript(no-explicit-any)", files: { "packages/domain/src/any.ts": "export const any = (value: any) => value;\n" } },
  {
    rule: "typescript(no-non-null-assertion)",
    files: { "packages/domain/src/non-null.ts": "export const first = (list: string[]) => list[0]!;\n" },
  },
  {
    rule: "typescript(consistent-type-imports)",
    files: { "packages/domain/src/value-import.ts": 'import { PathLike } from "node:fs";\nexport type Place = PathLike;\n' },
  },
  {
    rule: "typescript(switch-exhaustiveness-check)",
    files: {
      "packages/domain/src/half-a-switch.ts":
        'export function of(word: "yes" | "no") {\n  switch (word) {\n    case "yes":\n      return 1;\n  }\n  return 0;\n}\n',
    },
  },
  { rule: "eslint(max-lines)", files: { "packages/domain/src/long.ts": "export {};\n".repeat(401) } },
  { rule: "house(environment-in-config)", files: { "packages/domain/src/environment.ts": "export const home = process.env.HOME;\n" } },
  { rule: "house(environment-in-config)", files: { "apps/api/src/environment.ts": "export const { env } = process;\n" } },
  {
    rule: "house(environment-in-config)",
    files: { "apps/worker/src/environment.ts": 'import { env } from "node:process";\nexport const home = env["HOME"];\n' },
  },
];

const imports = (from: string) => `export * from "${from}";\n`;

export const BOUNDARIES: Violation[] = [
  {
    rule: "no-cycle",
    files: { "packages/domain/src/left.ts": imports("./right.ts"), "packages/domain/src/right.ts": imports("./left.ts") },
  },
  { rule: "unknown-import", files: { "packages/domain/src/past-exports.ts": imports("@parley/contracts/src/index.ts") } },
  { rule: "entered-by-exports", files: { "packages/domain/src/by-path.ts": imports("../../contracts/src/index.ts") } },
  { rule: "entered-by-exports-from-outside", files: { "tests/by-path.ts": imports("../packages/contracts/src/index.ts") } },
  { rule: "contracts-alone", files: { "packages/contracts/src/looks-up.ts": imports("@parley/domain") } },
  { rule: "domain-knows-contracts-only", files: { "packages/domain/src/looks-up.ts": imports("@parley/queue") } },
  { rule: "domain-knows-contracts-only", files: { "packages/domain/src/has-a-vendor.ts": imports("zod") } },
  { rule: "adapters-apart", files: { "packages/db/src/looks-aside.ts": imports("@parley/queue") } },
  { rule: "egress-and-redis-alone", files: { "packages/egress/src/looks-aside.ts": imports("@parley/queue") } },
  { rule: "egress-and-redis-alone", files: { "packages/redis/src/looks-aside.ts": imports("@parley/egress") } },
  { rule: "client-knows-contracts-and-types", files: { "packages/client/src/serves.ts": imports("@parley/domain") } },
  { rule: "client-types-from-router-only", files: { "packages/client/src/types.ts": 'export type { room } from "@parley/queue";\n' } },
  { rule: "packages-know-no-app", files: { "packages/db/src/looks-out.ts": imports("../../../apps/api/src/main.ts") } },
  { rule: "apps-apart", files: { "apps/worker/src/looks-over.ts": imports("../../api/src/main.ts") } },
  {
    rule: "doors-apart",
    files: { "apps/api/src/media/borrows.ts": imports("../rest/lends.ts"), "apps/api/src/rest/lends.ts": "export const lent = 1;\n" },
  },
  { rule: "testkit-in-tests-only", files: { "packages/queue/src/pretends.ts": imports("@parley/testkit") } },
  {
    rule: "testing-in-tests-only",
    files: {
      "packages/queue/src/rehearses.ts": imports("./testing/fake.ts"),
      "packages/queue/src/testing/fake.ts": "export const fake = 1;\n",
    },
  },
  { rule: "product-knows-no-scripts", files: { "apps/api/src/plays.ts": imports("../../../tests/by-path.ts") } },
  { rule: "vendor-at-home-bullmq", files: { "apps/worker/src/queues.ts": imports("bullmq") } },
  { rule: "vendor-at-home-postgres", files: { "packages/queue/src/queries.ts": imports("postgres") } },
  { rule: "vendor-at-home-drizzle-orm", files: { "apps/api/src/queries.ts": imports("drizzle-orm") } },
  { rule: "vendor-at-home-ioredis", files: { "packages/db/src/caches.ts": imports("ioredis") } },
  { rule: "vendor-at-home-trpc-server", files: { "packages/db/src/serves.ts": imports("@trpc/server") } },
  { rule: "vendor-at-home-express", files: { "packages/queue/src/serves.ts": imports("express") } },
];
