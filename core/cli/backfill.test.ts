/** Old messages into the history, beside a running hub and without one. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { afterEach, expect, test } from "vitest";
import {
  databaseUrl,
  freePort,
  makeHubProject,
  request,
  runDeskwire,
  spawnHub,
  type TestProject,
  testKey,
  until,
} from "../testing/hub.ts";
import { createTestDatabase } from "../testing/postgres.ts";
import { parseSince } from "./backfill.ts";

const plugin = fileURLToPath(new URL("../testing/archive-connector.ts", import.meta.url));
const cleanUps: Array<() => Promise<unknown>> = [];
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();
const item = (id: string, by: string, days: number, thread = "t") => ({
  id,
  by,
  thread,
  at: daysAgo(days),
  text: `This is ${id}. Where is my order?`,
});
const items = [
  item("first", "customer", 40),
  item("answer", "agent", 39),
  item("broken", "nobody", 20),
  item("second", "customer", 10),
  item("other", "customer", 5, "u"),
];

/** A project whose company has the archive as "mail", and an api connector. */
async function makeProject(fields: object = {}, embedded = false): Promise<TestProject> {
  const database = embedded ? undefined : await createTestDatabase();
  if (database) cleanUps.push(() => database.drop());
  const mail = JSON.stringify({ plugin, items, ...fields });
  const project = await makeHubProject(
    { acme: `connectors:\n  api: {}\n  mail: ${mail}\n`, beta: "connectors:\n  api: {}\n" },
    database && { database: { url: databaseUrl(database.connection) } },
  );
  cleanUps.push(() => project.remove());
  return project;
}

async function startHub({ dir }: TestProject) {
  const hub = await spawnHub(dir, await freePort());
  cleanUps.push(() => hub.stop());
  return hub;
}

interface Shown {
  messages: Array<{ externalId: string; progress: { stage: string; reason: string | null } | null }>;
}

async function showTickets(url: string) {
  const key = testKey("acme");
  const { body } = await request(url, "/v1/tickets", { key });
  const { tickets } = body as { tickets: Array<{ id: string; threadId: string }> };
  const shown: Record<string, Shown["messages"]> = {};
  for (const { id, threadId } of tickets) {
    const ticket = await request(url, `/v1/tickets/${id}`, { key });
    shown[threadId] = (ticket.body as Shown).messages;
  }
  return shown;
}

test("old messages become history without drafts, and reading them again stores nothing twice", {
  timeout: 60_000,
}, async () => {
  const project = await makeProject();
  const args = ["backfill", "acme/mail", "--since", "30d"];
  expect(await runDeskwire(project.dir, args)).toEqual({
    code: 0,
    output: "2 messages and 0 replies read, 2 new, 1 in quarantine\n",
  });
  const all = ["backfill", "acme/mail", "--since", "2020-01-01"];
  expect((await runDeskwire(project.dir, all)).output).toBe(
    "3 messages and 1 reply read, 2 new, 1 in quarantine\n",
  );
  expect(await runDeskwire(project.dir, [...all, "--draft"])).toEqual({
    code: 0,
    output: "3 messages and 1 reply read, 0 new, 1 in quarantine\n",
  });
  const hub = await startHub(project);
  const skipped = { stage: "skipped", reason: "imported" };
  // What was read later, but written earlier, stands where it belongs.
  expect(await showTickets(hub.url)).toMatchObject({
    t: [
      { externalId: "first", progress: skipped },
      { externalId: "answer", progress: null },
      { externalId: "second", progress: skipped },
    ],
    u: [{ externalId: "other", progress: skipped }],
  });
});

test("with --draft a hub that runs beside it, on its own database, writes drafts for what nobody answered", {
  timeout: 60_000,
}, async () => {
  const project = await makeProject({}, true);
  const hub = await startHub(project);
  const file = `${project.dir}/mails.json`;
  await project.write("mails.json", JSON.stringify(items));
  const { output, code } = await runDeskwire(project.dir, [
    "backfill",
    "acme/mail",
    "--from",
    file,
    "--draft",
  ]);
  expect(output).toContain("3 messages and 1 reply read, 4 new, 1 in quarantine\n");
  expect(code).toBe(0);
  const shown = await until("all have come to their end", async () => {
    const tickets = await showTickets(hub.url);
    const open = Object.values(tickets)
      .flat()
      .filter(({ progress }) => progress && !["delivered", "skipped"].includes(progress.stage));
    return open.length === 0 ? tickets : undefined;
  });
  expect(shown).toMatchObject({
    t: [
      { progress: { reason: "answered" } },
      { externalId: "answer" },
      { externalId: "second", progress: { stage: "delivered" } },
    ],
    u: [{ progress: { stage: "delivered" } }],
  });
});

test("Ctrl-C ends it, what is stored stays, and the next run goes on", { timeout: 60_000 }, async () => {
  const many = Array.from({ length: 40 }, (_, i) => item(`m-${i}`, "customer", 50 - i, `t-${i}`));
  const project = await makeProject({ items: many, pauseMs: 400 });
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const args = [main, "backfill", "acme/mail", "--since", "60d", "--project", project.dir];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  await until("progress is told", async () => (/[1-9]\d* new.* …\n/.test(output) ? true : undefined));
  child.kill("SIGINT");
  const [code] = (await once(child, "close")) as [number];
  expect(code).toBe(1);
  expect(output).toMatch(/stopped: .*run it again/);
  const [, before] = /(\d+) new, 0 in quarantine\n/.exec(output) ?? [];
  expect(Number(before)).toBeGreaterThan(0);
  await project.write(
    "config/companies/acme.yaml",
    `name: Acme\nconnectors:\n  mail: ${JSON.stringify({ plugin, items: many })}\n`,
  );
  const again = await runDeskwire(project.dir, ["backfill", "acme/mail", "--since", "60d"]);
  expect(again.output).toBe(`40 messages and 0 replies read, ${40 - Number(before)} new, 0 in quarantine\n`);
});

test("what cannot be meant is told, with what there is instead", { timeout: 60_000 }, async () => {
  const { dir } = await makeProject();
  const wrong: Array<[string[], RegExp]> = [
    [["acme/mail"], /--since DATE.*--from/],
    [["--since", "30d"], /COMPANY\/CONNECTOR/],
    [["acme/mail", "--since", "yesterday"], /--since yesterday: expected a date/],
    [["acme/mail", "--from", "nowhere.mbox"], /--from nowhere\.mbox: there is no such file/],
    [["none/mail", "--since", "30d"], /no company "none"; there is: acme, beta/],
    [["acme/fax", "--since", "30d"], /no connector "fax"; it has: api, mail/],
    [["acme/api", "--since", "30d"], /acme\/api cannot read what is old; those that can: acme\/mail/],
  ];
  for (const [args, message] of wrong) {
    const { code, output } = await runDeskwire(dir, ["backfill", ...args]);
    expect(output).toMatch(message);
    expect(code).toBe(2);
  }
});

test("a time is a date, a moment, or so many days or weeks ago", () => {
  const now = Date.parse("2026-11-01T12:00:00Z");
  expect(parseSince("30d", now).toJSON()).toBe("2026-10-02T12:00:00.000Z");
  expect(parseSince("2w", now).toJSON()).toBe("2026-10-18T12:00:00.000Z");
  expect(parseSince("2026-10-01", now).toJSON()).toBe("2026-10-01T00:00:00.000Z");
  expect(parseSince("2026-10-01T10:00:00+02:00", now).toJSON()).toBe("2026-10-01T08:00:00.000Z");
  for (const wrong of [
    "",
    "30",
    "d",
    "-3d",
    "2026-02-30",
    "2026-13-01",
    "1.10.2026",
    "2026-11-02",
    "99999999d",
  ])
    expect(() => parseSince(wrong, now)).toThrow(`--since ${wrong}`);
});
