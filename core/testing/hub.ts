/** Hubs for tests: real ones, in this process on a database of the run, or as processes of their own that can be killed. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdir, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { LoadedConfig } from "../../config/types.ts";
import { type Node, startNode } from "../../moleculer.config.ts";
import { projectConfig } from "../cli/project.ts";
import type { Database } from "../store/database.ts";
import type { PostgresConnection } from "../store/embedded-postgres.ts";
import { createTestDatabase, type TestDatabase } from "./postgres.ts";
import { makeTempFolder } from "./temp-folder.ts";

const main = fileURLToPath(new URL("../cli/deskwire.mjs", import.meta.url));

/** A key of 16 characters at least, for a company in a test. */
export const testKey = (company: string) => `test-key-of-${company}-0123456789`;

export interface TestProject {
  dir: string;
  /** Writes a file, by its path under the project. */
  write(path: string, content: string): Promise<void>;
  remove(): Promise<void>;
}

/** @param companies the text of each company's file, without name and keys, by id */
export async function makeHubProject(
  companies: Record<string, string>,
  hub: Record<string, unknown> = {},
): Promise<TestProject> {
  const dir = await makeTempFolder("hub");
  await chmod(dir, 0o711);
  const write = async (path: string, content: string) => {
    await mkdir(dirname(join(dir, path)), { recursive: true });
    await writeFile(join(dir, path), content);
  };
  const http = { port: 0, ...((hub.http as object | undefined) ?? {}) };
  // JSON is YAML.
  await write(
    "config/hub.yaml",
    JSON.stringify({ log: { level: "warn" }, stateDir: join(dir, "state"), ...hub, http }),
  );
  for (const [id, rest] of Object.entries(companies)) {
    await write(`config/companies/${id}.yaml`, `name: Company ${id}\nkeys:\n  test: ${testKey(id)}\n${rest}`);
  }
  return { dir, write, remove: () => rm(dir, { recursive: true, force: true, maxRetries: 3 }) };
}

export interface TestHub {
  url: string;
  node: TestNode;
  project: TestProject;
  database: TestDatabase;
  stop(): Promise<void>;
}

export function databaseUrl({ user, password, database, host, port }: PostgresConnection): string {
  return `postgres://${user}:${encodeURIComponent(password)}@localhost/${database}?host=${encodeURIComponent(host)}&port=${port}`;
}

/** A node that has a database, as all do that do more than classify. */
export type TestNode = Node & { db: Database };

/** Starts a node in this process. */
export async function startTestNode(config: LoadedConfig): Promise<TestNode> {
  const node = await startNode(config);
  if (!node.db) throw new Error("a node of the role ml alone has no database");
  return { ...node, db: node.db };
}

/** A hub in this process, with a fresh database of the run's PostgreSQL. */
export async function startTestHub(
  companies: Record<string, string> = { acme: "connectors:\n  api: {}\n" },
  hub: Record<string, unknown> = {},
): Promise<TestHub> {
  const database = await createTestDatabase();
  const settings = { ...hub, database: { url: databaseUrl(database.connection) } };
  const project = await makeHubProject(companies, settings);
  const node = await startTestNode(await projectConfig(project.dir, true).load());
  return {
    url: `http://127.0.0.1:${node.address?.port}`,
    node,
    project,
    database,
    async stop() {
      await node.stop();
      await database.drop();
      await project.remove();
    },
  };
}

export interface HubProcess {
  url: string;
  child: ChildProcess;
  /** All that it has printed so far. */
  output(): string;
  /** Milliseconds from the start of the process until it said that it is ready. */
  readyMs: number;
  /** kill -9 */
  kill(): Promise<void>;
  /** Ctrl-C; waits for the end. @returns the exit code */
  stop(): Promise<number | null>;
}

/**
 * Starts `deskwire start` in a process of its own, and waits until it is ready.
 * @param within what stands before the command, for a process on another host of a test's network
 */
export async function spawnHub(
  dir: string,
  port: number,
  env: Record<string, string> = {},
  within: readonly string[] = [],
): Promise<HubProcess> {
  const started = performance.now();
  const [program, ...args] = [...within, process.execPath, main, "start", "--project", dir];
  const child = spawn(program as string, args, {
    env: { ...process.env, DESKWIRE_HTTP_PORT: String(port), ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => chunks.push(String(chunk)));
  const output = () => chunks.join("");
  const ended = once(child, "exit");
  while (!/is ready after/.test(output())) {
    if (child.exitCode !== null || child.signalCode !== null)
      throw new Error(`the hub did not start:\n${output()}`);
    if (performance.now() - started > 60_000)
      throw new Error(`the hub was not ready after 60 s:\n${output()}`);
    await sleep(20);
  }
  return {
    url: `http://127.0.0.1:${port}`,
    child,
    output,
    readyMs: performance.now() - started,
    async kill() {
      child.kill("SIGKILL");
      await ended;
    },
    async stop() {
      child.kill("SIGINT");
      const [code] = (await ended) as [number | null];
      return code;
    },
  };
}

export interface CommandResult {
  code: number | null;
  output: string;
}

/** Runs `deskwire <args>` on a project to its end. */
export async function runDeskwire(
  dir: string,
  args: string[],
  env: Record<string, string> = {},
): Promise<CommandResult> {
  const child = spawn(process.execPath, [main, ...args, "--project", dir], {
    env: { ...process.env, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const chunks: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => chunks.push(String(chunk)));
  const [code] = (await once(child, "close")) as [number | null];
  return { code, output: chunks.join("") };
}

/** A port that nobody listens on now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

/** A request with a company's key; the body is sent as JSON. */
export async function request(
  url: string,
  path: string,
  {
    key,
    body,
    ...init
  }: { key?: string; body?: unknown; method?: string; headers?: Record<string, string> } = {},
): Promise<{ status: number; headers: Headers; body: unknown }> {
  const response = await fetch(url + path, {
    method: body === undefined ? "GET" : "POST",
    ...init,
    headers: {
      ...(key && { authorization: `Bearer ${key}` }),
      ...(body !== undefined && { "content-type": "application/json" }),
      ...init.headers,
    },
    ...(body !== undefined && {
      body: typeof body === "string" || body instanceof Uint8Array ? (body as string) : JSON.stringify(body),
    }),
  });
  const text = await response.text();
  const json = /json/.test(response.headers.get("content-type") ?? "");
  return { status: response.status, headers: response.headers, body: json ? JSON.parse(text) : text };
}

/** Waits until `look` returns something other than undefined; fails after `timeoutMs` milliseconds. */
export async function until<T>(
  what: string,
  look: () => Promise<T | undefined>,
  timeoutMs = 20_000,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (;;) {
    const found = await look();
    if (found !== undefined) return found;
    if (performance.now() > end) throw new Error(`not within ${timeoutMs} ms: ${what}`);
    await sleep(15);
  }
}
