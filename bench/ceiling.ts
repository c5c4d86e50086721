/** The database's own ceiling: the job's least SQL under pgbench, on tables that hold no more than it needs. */
import { execFile } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { writeFile } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import type { Server } from "./database.ts";
import type { Figure } from "./figures.ts";

const seconds = 4;
const clients = 32;
const batch = 32;

/** No keys between tables, no history, no tenants: what is left out here is what the hub adds. */
const tables = `
CREATE TABLE tickets (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, external_id text NOT NULL UNIQUE, subject text NOT NULL,
  requester_name text, requester_email text, stage text NOT NULL DEFAULT 'received',
  created_at timestamptz NOT NULL DEFAULT now(), delivered_at timestamptz);
CREATE TABLE messages (ticket_id bigint PRIMARY KEY, text text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE classifications (ticket_id bigint PRIMARY KEY, type text NOT NULL, priority text NOT NULL,
  department text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE drafts (ticket_id bigint PRIMARY KEY, text text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
`;

const text = (length: number) =>
  `'${"I was charged twice and would like the money back. ".repeat(20).slice(0, length)}'`;

/** A pgbench script of the job for `n` messages: four statements, each a transaction. */
function script(n: number): string {
  const series = `generate_series(1, ${n}) g`;
  const ids = "unnest(:ids::bigint[]) AS u(i)";
  const move = (stage: string, also = "") =>
    `UPDATE tickets SET stage = '${stage}'${also} WHERE id = ANY(:ids::bigint[]);`;
  return [
    "\\set x random(1, 9000000000000000)",
    `WITH t AS (INSERT INTO tickets (external_id, subject, requester_name, requester_email) SELECT (:x::bigint + g)::text, 'Charged twice', 'Ann', 'ann@example.com' FROM ${series} RETURNING id), m AS (INSERT INTO messages (ticket_id, text) SELECT id, ${text(600)} FROM t) SELECT array_agg(id)::text AS ids FROM t \\gset`,
    `WITH c AS (INSERT INTO classifications (ticket_id, type, priority, department) SELECT i, 'incident', 'normal', 'billing' FROM ${ids}) ${move("classified")}`,
    `WITH d AS (INSERT INTO drafts (ticket_id, text) SELECT i, ${text(450)} FROM ${ids}) ${move("drafted")}`,
    move("delivered", ", delivered_at = clock_timestamp()"),
  ].join("\n");
}

/** Debian keeps it beside the server, outside PATH. */
function findPgbench(): string | undefined {
  const debian = "/usr/lib/postgresql";
  const versions = existsSync(debian) ? readdirSync(debian).sort().reverse() : [];
  const folders = [
    ...(process.env.PATH ?? "").split(delimiter),
    ...versions.map((version) => join(debian, version, "bin")),
  ];
  return folders.map((folder) => join(folder, "pgbench")).find((path) => existsSync(path));
}

async function runScript(server: Server, pgbench: string, database: string, n: number): Promise<number> {
  const file = join(server.dir, `job-${n}.pgbench`);
  await writeFile(file, script(n));
  const { host, port, user, password } = server.connection;
  const options = [
    "-n",
    "-M",
    "prepared",
    "-f",
    file,
    "-c",
    String(clients),
    "-j",
    "2",
    "-T",
    String(seconds),
  ];
  const { stdout } = await promisify(execFile)(pgbench, [...options, database], {
    env: { ...process.env, PGHOST: host, PGPORT: String(port), PGUSER: user, PGPASSWORD: password },
  });
  const perSecond = Number(/tps = ([\d.]+)/.exec(stdout)?.[1]);
  if (!(perSecond > 0)) throw new Error(`pgbench said no rate:\n${stdout}`);
  return perSecond * n;
}

/** @returns messages a second that the database takes; nothing where pgbench is missing, which is said */
export async function benchCeiling(server: Server): Promise<Figure[]> {
  const pgbench = findPgbench();
  if (pgbench === undefined) {
    process.stderr.write(
      "the database's ceiling is left out: pgbench is missing (Debian: apt-get install postgresql-15, elsewhere postgresql-contrib)\n",
    );
    return [];
  }
  const figures: Figure[] = [];
  for (const n of [1, batch]) {
    const database = await server.createDatabase();
    try {
      await database.query(tables);
      const name = n === 1 ? "one transaction a stage" : `batches of ${n}`;
      figures.push({
        name: `the database's ceiling, ${name}`,
        value: await runScript(server, pgbench, database.name, n),
        unit: "messages/s",
      });
    } finally {
      await database.drop();
    }
  }
  return figures;
}
