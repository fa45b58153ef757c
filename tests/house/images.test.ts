import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";

interface Service {
  image?: string;
  build?: { dockerfile: string; target: string };
  command?: string[];
  environment?: Record<string, string>;
  depends_on?: Record<string, { condition: string }>;
  volumes?: string[];
}

const infra = join(import.meta.dirname, "..", "..", "infra");
const compose = parse(readFileSync(join(infra, "compose.yaml"), "utf8"), { merge: true }) as {
  services: Record<string, Service>;
  volumes: Record<string, unknown>;
};
const dockerfile = readFileSync(join(infra, "Dockerfile"), "utf8");
const { services } = compose;

test("every image that compose builds is a stage of the Dockerfile", () => {
  const targets = Object.values(services).flatMap((service) => (service.build ? [service.build.target] : []));
  expect(targets.sort()).toEqual(["api", "migrate", "worker"]);
  for (const target of targets) expect(dockerfile).toMatch(new RegExp(`^FROM base AS ${target}$`, "m"));
});

test("what a service waits for and where it keeps its data exists", () => {
  for (const service of Object.values(services)) {
    for (const name of Object.keys(service.depends_on ?? {})) expect(services).toHaveProperty(name);
    for (const volume of service.volumes ?? []) expect(compose.volumes).toHaveProperty(volume.split(":")[0] ?? "");
  }
});

test("api and worker start after the migration, with the roles it made", () => {
  for (const name of ["api", "worker"]) {
    const { depends_on: waits, environment } = services[name] ?? {};
    expect(waits).toMatchObject({ migrate: { condition: "service_completed_successfully" }, redis: { condition: "service_healthy" } });
    expect(environment?.["DATABASE_URL"]).toMatch(/^postgres:\/\/parley_app:\$\{APP_PASSWORD:\?/);
    expect(environment?.["DATABASE_SWEEP_URL"]).toMatch(/^postgres:\/\/parley_sweep:\$\{SWEEP_PASSWORD:\?/);
  }
});

test("Redis evicts nothing and writes down everything", () => {
  const command = services["redis"]?.command?.join(" ");
  expect(command).toContain("--maxmemory-policy noeviction");
  expect(command).toContain("--appendonly yes");
});

test("no process in our images is root", () => {
  const [, base = ""] = dockerfile.split("AS base");
  expect(base.slice(0, base.indexOf("FROM"))).toMatch(/^USER node$/m);
  expect(dockerfile.match(/^USER /gm)).toHaveLength(1);
});

test("docker can tell whether api and worker are well", () => {
  for (const stage of ["api", "worker"]) {
    const lines = dockerfile.slice(dockerfile.indexOf(`FROM base AS ${stage}\n`)).split("\nFROM ", 1)[0] ?? "";
    const port = /^ENV .*?(\w*PORT)=(\d+)/m.exec(lines);
    expect(lines).toMatch(/^HEALTHCHECK /m);
    expect(lines).toContain(`http://127.0.0.1:\${process.env.${port?.[1]}}/health`);
    expect(lines).toMatch(new RegExp(`^EXPOSE ${port?.[2]}$`, "m"));
  }
});
