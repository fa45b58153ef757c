/** The tables of a turn as the spike needs them: every row belongs to an organization and row-level security is forced. */
export function tables({ monthly }: { monthly: boolean }): string {
  const partitioned = monthly ? "partition by range (month)" : "";
  const partition = (table: string) =>
    monthly
      ? `create table ${table}_before partition of ${table} for values from (minvalue) to (date_trunc('month', now())::date);
         create table ${table}_now partition of ${table} for values from (date_trunc('month', now())::date) to (maxvalue);`
      : "";
  return `
    create table floor_turns (id uuid primary key, question text not null, answer text, status text not null);
    create table conversations (
      id uuid primary key, organization_id uuid not null, month date not null, agent_id uuid not null,
      epoch bigint not null default 0, head bigint not null default 0, turns bigint not null default 0,
      lease_until timestamptz, worker_id text, ready_at timestamptz, depth int not null default 0
    );
    create index on conversations (ready_at) where ready_at is not null;
    create index on conversations (lease_until) where lease_until is not null;
    create table executions (
      id uuid primary key, organization_id uuid not null, agent_id uuid not null, status text not null,
      input jsonb not null, result text, created_at timestamptz not null default now(), finished_at timestamptz
    );
    create index on executions (organization_id, created_at);
    create table messages (
      id uuid primary key, organization_id uuid not null, conversation_id uuid not null, position bigint not null,
      state text not null, input jsonb not null, turn_id uuid, unique (conversation_id, position)
    );
    create table turns (
      id uuid primary key, organization_id uuid not null, conversation_id uuid not null, number bigint not null,
      status text not null, attempt int not null, result text, checkpoint text, checkpoint_at text, finished_at timestamptz,
      unique (conversation_id, number)
    );
    create table events (
      organization_id uuid not null, month date not null, conversation_id uuid not null, epoch bigint not null, n bigint not null,
      type text not null, turn_id uuid, data jsonb not null, at timestamptz not null default now(),
      primary key (month, conversation_id, epoch, n)
    ) ${partitioned};
    ${partition("events")}
    create table usage (
      organization_id uuid not null, month date not null, turn_id uuid not null, attempt int not null, step int not null,
      model text not null, input_tokens bigint not null, output_tokens bigint not null,
      primary key (month, turn_id, attempt, step)
    ) ${partitioned};
    ${partition("usage")}
    create table outbox (id bigint generated always as identity primary key, organization_id uuid not null, topic text not null, payload jsonb not null);
  `;
}

const TENANT_TABLES = ["conversations", "executions", "messages", "turns", "events", "usage", "outbox"];

/** Row-level security on every tenant table, forced, for a role that owns nothing. */
export function policies(schema: string, role: string): string {
  const own = "organization_id = current_setting('parley.organization_id')::uuid";
  return [
    `grant usage on schema ${schema} to ${role};`,
    `grant select, insert, update, delete on all tables in schema ${schema} to ${role};`,
    ...TENANT_TABLES.map(
      (table) => `alter table ${table} enable row level security; alter table ${table} force row level security;
        create policy own on ${table} using (${own}) with check (${own});`,
    ),
  ].join("\n");
}
