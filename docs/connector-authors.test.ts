/** The example of the page for connector authors, as a person would use it: linked to this folder, checked, and run in a hub. */
import { spawnSync } from "node:child_process";
import { createHmac } from "node:crypto";
import { mkdir, readdir, readFile, symlink, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  databaseUrl,
  freePort,
  type HubProcess,
  makeHubProject,
  request,
  runDeskwire,
  spawnHub,
  type TestProject,
  testKey,
  until,
} from "../core/testing/hub.ts";
import { createTestDatabase, type TestDatabase } from "../core/testing/postgres.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const webhookSecret = "webhook-secret-of-the-example";

interface Note {
  id: number;
  key: string;
  text: string;
}

/** The invented helpdesk, as far as the page describes it. */
async function startNotedesk() {
  const notes = new Map<string, Note[]>();
  const comments: Array<{ id: number }> = [];
  let posts = 0;
  const server: Server = createServer(async (incoming, outgoing) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const url = new URL(incoming.url ?? "/", "http://localhost");
    const reply = (status: number, body: unknown) => {
      outgoing.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
    };
    if (incoming.headers.authorization !== "Bearer a-token") return reply(401, {});
    if (url.pathname === "/api/comments") {
      const after = Number(url.searchParams.get("after"));
      return reply(
        200,
        comments.filter(({ id }) => id > after),
      );
    }
    const [, of] = /^\/api\/cases\/(\w+)\/notes$/.exec(url.pathname) ?? [];
    if (of === undefined) return reply(404, {});
    const there = notes.get(of) ?? [];
    if (incoming.method !== "POST") return reply(200, there);
    posts++;
    const note = { id: 100 + posts, ...(JSON.parse(Buffer.concat(chunks).toString()) as Omit<Note, "id">) };
    notes.set(of, [...there, note]);
    // The first answer is lost on its way: the hub cannot know that the note is there.
    return posts === 1 ? reply(502, {}) : reply(201, note);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    notes,
    comments,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function comment(id: number, caseId: number, body: string, staff = false) {
  const author = { name: "Ada", email: "ada@example.com", staff };
  return { id, case_id: caseId, case_title: "My tent", body, author, created: new Date().toISOString() };
}

let desk: Awaited<ReturnType<typeof startNotedesk>>;
let database: TestDatabase;
let project: TestProject;
let example: string;
let hub: HubProcess;

beforeAll(async () => {
  desk = await startNotedesk();
  database = await createTestDatabase();
  const entry = `    url: ${desk.url}\n    token: a-token\n    webhookSecret: ${webhookSecret}`;
  project = await makeHubProject(
    { acme: `connectors:\n  notedesk:\n    plugin: ../../notedesk\n${entry}\n` },
    { database: { url: databaseUrl(database.connection) }, pipeline: { firstRetryMs: 100 } },
  );
  const page = await readFile(join(root, "docs/connector-authors.md"), "utf8");
  const [whole, old] = [...page.matchAll(/```ts\n([\s\S]*?)```/g)].map(([, code]) => code);
  if (whole === undefined || old === undefined) throw new Error("the page has no example");
  example = whole;
  const read = 'import { readFile } from "node:fs/promises";\n';
  const code = example.replace("import ", `${read}import `).replace("  pull: {\n", `  pull: {\n${old}`);
  await project.write("notedesk/index.ts", code);
  await project.write("package.json", JSON.stringify({ private: true, type: "module" }));
  const modules = join(project.dir, "node_modules");
  await mkdir(join(modules, "@types"), { recursive: true });
  await symlink(root, join(modules, "deskwire"));
  await symlink(join(root, "node_modules/zod"), join(modules, "zod"));
  await symlink(join(root, "node_modules/@types/node"), join(modules, "@types/node"));
  hub = await spawnHub(project.dir, await freePort());
});
afterAll(async () => {
  await hub?.stop();
  await database?.drop();
  await project?.remove();
  await desk?.close();
});

function sendWebhook(body: string, signedWith = webhookSecret) {
  const time = String(Math.floor(Date.now() / 1_000));
  const signature = createHmac("sha256", signedWith).update(`w-${body.length}.${time}.${body}`).digest("hex");
  return request(hub.url, "/connect/acme/notedesk", {
    body,
    headers: {
      "notedesk-id": `w-${body.length}`,
      "notedesk-time": time,
      "notedesk-signature": signature,
    },
  });
}

test("the example has about a hundred lines and its types are right", async () => {
  expect(example.split("\n").length).toBeLessThan(115);
  const { compilerOptions } = JSON.parse(await readFile(join(root, "tsconfig.json"), "utf8")) as {
    compilerOptions: object;
  };
  await project.write("tsconfig.json", JSON.stringify({ compilerOptions, include: ["notedesk"] }));
  const { stdout, status } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", project.dir], {
    encoding: "utf8",
  });
  expect(stdout).toBe("");
  expect(status).toBe(0);
});

test("the page names each function of the toolkit", async () => {
  const page = await readFile(join(root, "docs/connector-authors.md"), "utf8");
  const files = (await readdir(join(root, "plugins/toolkit"))).filter((file) => !file.endsWith(".test.ts"));
  const names = await Promise.all(
    files.map(async (file) => {
      const exported = (await import(join(root, "plugins/toolkit", file))) as Record<string, unknown>;
      return Object.keys(exported).filter((name) => typeof exported[name] === "function");
    }),
  );
  expect(names.flat()).toContain("createApi");
  expect(names.flat().filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
});

test("deskwire check knows the example, and its mistakes", async () => {
  expect(await runDeskwire(project.dir, ["check"])).toMatchObject({ code: 0 });
  const file = join(project.dir, "config/companies/acme.yaml");
  const text = await readFile(file, "utf8");
  await writeFile(file, text.replace("url:", "urll:"));
  const { code, output } = await runDeskwire(project.dir, ["check"]);
  await writeFile(file, text);
  expect(code).toBe(2);
  expect(output).toContain("connectors.notedesk.url");
});

test("a message comes in by webhook, and its draft goes out as one note, although the first answer was lost", async () => {
  const first = await sendWebhook(JSON.stringify(comment(1, 7, "Where is my parcel?")));
  expect(first).toMatchObject({ status: 202, body: { accepted: [{ externalId: "comment-1" }] } });
  const ticketId = (first.body as { accepted: Array<{ ticketId: string }> }).accepted[0]?.ticketId;
  const delivered = await until("the draft is delivered", async () => {
    const { body } = await request(hub.url, `/v1/tickets/${ticketId}`, { key: testKey("acme") });
    const { messages } = body as {
      messages: Array<{ progress: { stage: string }; draft: { externalId: string } }>;
    };
    return messages[0]?.progress.stage === "delivered" ? messages[0] : undefined;
  });
  expect(desk.notes.get("7")).toHaveLength(1);
  expect(desk.notes.get("7")?.[0]?.text).toMatch(/^Draft \(offline\):\n\nHello Ada,/);
  expect(delivered.draft.externalId).toBe("101");
});

test("a forged webhook is refused, and a broken comment goes to quarantine", async () => {
  const body = JSON.stringify(comment(2, 8, "Let me in"));
  expect((await sendWebhook(body, "another secret")).status).toBe(401);
  expect(await sendWebhook(JSON.stringify({ id: 3 }))).toMatchObject({ status: 202, body: { accepted: [] } });
});

test("comments are polled, and those that are known are not stored twice", async () => {
  desk.comments.push(comment(1, 7, "Where is my parcel?"), comment(4, 9, "Can I swap my boots?"));
  await until("the note on the polled case", async () => desk.notes.get("9"));
  expect(desk.notes.get("9")).toHaveLength(1);
  expect(desk.notes.get("7")).toHaveLength(1);
});

test("an export is read into the history, and what could not be read is read again", {
  timeout: 60_000,
}, async () => {
  await project.write("export.json", JSON.stringify([comment(0, 6, "Is my boat ready?"), { id: 9 }]));
  const backfill = ["backfill", "acme/notedesk", "--from", join(project.dir, "export.json")];
  const { output, code } = await runDeskwire(project.dir, backfill);
  expect(output).toBe("1 message and 0 replies read, 1 new, 1 in quarantine\n");
  expect(code).toBe(0);
  expect((await runDeskwire(project.dir, ["replay", "--quarantine"])).output).toMatch(
    /\d items: 0 taken in, \d still cannot be read\n$/,
  );
});
