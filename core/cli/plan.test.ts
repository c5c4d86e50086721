/** deskwire plan: a connector's figures, labels, drafts and costs, told without a hub, and nothing written. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { LLMock } from "@copilotkit/aimock";
import pg from "pg";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { databaseUrl, freePort, makeHubProject, runDeskwire, spawnHub, until } from "../testing/hub.ts";
import { createTestDatabase } from "../testing/postgres.ts";

const plugin = fileURLToPath(new URL("../testing/archive-connector.ts", import.meta.url));
const timeout = 60_000;
const mock = new LLMock({ port: 0 });
const cleanUps: Array<() => Promise<unknown>> = [];
beforeAll(() => mock.start());
afterAll(() => mock.stop());
afterEach(async () => {
  mock.clearFixtures().clearRequests();
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();
const item = (id: string, by: string, days: number, thread = "t", text = `${id}: where is my order?`) => ({
  id,
  by,
  thread,
  at: daysAgo(days),
  text,
});
const long = `${"My parcel is late. ".repeat(50)}That is the end.`;
const items = [
  item("history", "customer", 40),
  item("stray", "agent", 6.5, "older"),
  item("first", "customer", 6),
  item("answer", "agent", 5, "t", "We have sent it to you."),
  item("broken", "nobody", 4),
  item("second", "customer", 2),
  item("third", "customer", 1, "u", long),
];

interface Settings {
  /** Of the connector. */
  mail?: object;
  drafter?: object;
  classifier?: object;
  hub?: Record<string, unknown>;
}

/** A project with the archive, switched off, as "mail", and an api connector. */
async function makeProject({ mail, drafter, classifier = {}, hub }: Settings = {}): Promise<string> {
  const fields = JSON.stringify({ plugin, enabled: false, items, ...mail });
  const own = drafter ? `drafter: ${JSON.stringify(drafter)}\n` : "";
  const classify = `classifier: ${JSON.stringify(classifier)}\n`;
  const company = `connectors:\n  api: {}\n  mail: ${fields}\n${own}${classify}`;
  const { dir, remove } = await makeHubProject({ acme: company }, hub);
  cleanUps.push(remove);
  return dir;
}

const llm = (more: object = {}) => ({
  baseUrl: `${mock.url}/v1`,
  key: "sk-test-0123456789",
  model: "test-model",
  ...more,
});
const answer = "Hello,\n\nyour parcel is on its way.\n\nKind regards\nCompany acme";
const answerWith = (prompt_tokens: number, completion_tokens: number) =>
  mock.onMessage(/./, { content: answer, usage: { prompt_tokens, completion_tokens } });

test("a connector that is switched off is read, counted, labelled and drafted for, and nothing is written", {
  timeout,
}, async () => {
  const dir = await makeProject();
  const { code, output } = await runDeskwire(dir, ["plan", "acme/mail"]);
  expect(output).toMatch(/^acme\/mail, the last 7 days:\n/);
  expect(output).toMatch(/ tickets +2\n/);
  expect(output).toMatch(/ customers' messages +3 {3}0\.4 a day, some 13 in a month of 30 days\n/);
  expect(output).toMatch(/ wanting a draft +3 {3}0\.4 a day, some 13 in a month of 30 days\n/);
  expect(output).toMatch(/ without a draft +0\n/);
  expect(output).toMatch(/ agents' replies +2 {3}1 to no ticket of this time\n/);
  expect(output).toMatch(/ in quarantine +1 {3}nobody wrote it 1\n/);
  expect(output).toMatch(/Labels of the messages that want a draft:\n\n {2}type +\w+ \d+ %/);
  expect(output).toMatch(/The last 3 that want a draft; .* no LLM is asked:\n/);
  expect(output).toMatch(
    / > second: where is my order\?\n {3}type \w+ \d+ %.*, priority .*, department .*\n/,
  );
  expect(output).toMatch(/draft by offline.*:\n {3}\| Hello/);
  expect(output).toContain("cost 0, since none is asked");
  expect(output).toMatch(/\nNothing was written: .*\.\n$/);
  expect(code).toBe(0);
  expect(await readdir(dir)).toEqual(["config"]);
});

test("a long text is shown shortened, and whole with --full", { timeout }, async () => {
  const dir = await makeProject();
  const args = ["plan", "acme", "mail", "--last", "1", "--days", "2"];
  const short = await runDeskwire(dir, args);
  expect(short.output).toContain("the last 2 days:");
  expect(short.output).toContain("The last message that wants a draft;");
  expect(short.output).toContain("… (--full shows all of it)");
  expect(short.output).not.toContain("That is the end.");
  const full = await runDeskwire(dir, [...args, "--full"]);
  expect(full.output).toContain("That is the end.");
  expect(full.output).not.toContain("--full");
});

test("an LLM is asked as often as was said before, with the conversation, and its use becomes the cost of a month", {
  timeout,
}, async () => {
  const prices = { inputPerMillion: 1_000, outputPerMillion: 10_000, currency: "EUR" };
  const dir = await makeProject({ drafter: llm({ prices }) });
  answerWith(500, 50);
  const { code, output } = await runDeskwire(dir, ["plan", "acme/mail", "--last", "2"]);
  expect(output).toContain("The last 2 that want a draft; 2 requests go to the LLM test-model now");
  expect(output).toContain("   | your parcel is on its way.\n");
  // 3 messages in 7 days are 12.86 a month, of 500 / 1,000,000 × 1,000 and 50 / 1,000,000 × 10,000 each.
  expect(output).toContain(
    "13 drafts of 500 tokens in and 50 out each are 6,429 in and 643 out, some 12.86 EUR.\n",
  );
  expect(code).toBe(0);
  const asked = mock.getRequests().map(({ body }) => JSON.stringify(body));
  expect(asked).toHaveLength(2);
  // As the pipeline would: what stands in the ticket before the message, the agent's answer too.
  expect(asked[0]).toMatch(/first: where.*We have sent it to you\..*second: where/s);
  expect(asked[1]).not.toContain("We have sent it to you.");
});

test("labels that the classifier is not sure of are asked for as the hub would, and their use is told beside the drafts", {
  timeout,
}, async () => {
  const prices = { inputPerMillion: 1_000, outputPerMillion: 10_000, currency: "EUR" };
  const french = ["Où est donc mon colis ?", "Bonjour, je voudrais échanger mes chaussures."];
  const mail = { items: french.map((text, i) => item(`f${i}`, "customer", 2 + i, `f${i}`, text)) };
  const dir = await makeProject({ mail, drafter: llm({ prices }), classifier: { llm: true } });
  const chosen = '{"type":"request","department":"hr"}';
  const usage = { prompt_tokens: 300, completion_tokens: 10 };
  mock.on({ systemMessage: "Labels of department" }, { content: chosen, usage });
  answerWith(500, 50);
  const { code, output } = await runDeskwire(dir, ["plan", "acme/mail", "--last", "1"]);
  expect(output).toContain("1 request goes to the LLM test-model now, 1 more for labels, and one more");
  expect(output).toMatch(
    /type request \d+ % \(chosen by the LLM\), priority .*, department hr \d+ % \(chosen/,
  );
  expect(output).toMatch(
    /\n\nThe LLM in a month of 30 days: 9 drafts of 500 tokens in and 50 out each are .*\n/,
  );
  // 2 messages in 7 days are 8.57 a month.
  expect(output).toContain(
    "Beside them 9 requests for labels where the classifier is unsure of 300 tokens in and 10 out each are 2,571 in and 86 out, some 3.43 EUR.\n",
  );
  expect(code).toBe(0);
});

test("without prices the use is told in tokens, and what turns it into money", { timeout }, async () => {
  const dir = await makeProject({ drafter: llm() });
  answerWith(700, 70);
  const { output } = await runDeskwire(dir, ["plan", "acme/mail", "--last", "1"]);
  expect(output).toContain("1 request goes to the LLM test-model now");
  expect(output).toMatch(/are 9,000 in and 900 out\. With drafter\.prices .* set, this tells the cost\.\n/);
});

test("with --last 0 no LLM is asked", { timeout }, async () => {
  const dir = await makeProject({ drafter: llm() });
  const { code, output } = await runDeskwire(dir, ["plan", "acme/mail", "--last", "0"]);
  expect(output).toContain("Labels of the messages");
  expect(output).toContain("No drafts were asked for (--last 0).");
  expect(output).toContain("not known, since no draft was written");
  expect(code).toBe(0);
  expect(mock.getRequests()).toEqual([]);
});

test("an LLM that refuses the key is asked once, told of, and makes the exit code 1", {
  timeout,
}, async () => {
  const dir = await makeProject({ drafter: llm() });
  mock.onMessage(/./, { error: { message: "bad key", type: "invalid_request_error" }, status: 401 });
  const { code, output } = await runDeskwire(dir, ["plan", "acme/mail"]);
  expect(output).toMatch(/NO DRAFT: .*key/);
  expect(output).toContain("0 of 3 drafts could be written\n");
  expect(code).toBe(1);
  expect(mock.getRequests()).toHaveLength(1);
});

test("where nothing wants a draft there are figures alone", { timeout }, async () => {
  const dir = await makeProject({ mail: { items: [] } });
  const { code, output } = await runDeskwire(dir, ["plan", "acme/mail"]);
  expect(output).toMatch(/ customers' messages +0 {3}0 a day, some 0 in a month/);
  expect(output).toContain("No message wants a draft.");
  expect(output).not.toContain("Labels of");
  expect(code).toBe(0);
});

test("the database of the config is left as it is, and need not be there", { timeout }, async () => {
  const { connection, drop } = await createTestDatabase();
  cleanUps.push(drop);
  const dir = await makeProject({ hub: { database: { url: databaseUrl(connection) } } });
  expect(await runDeskwire(dir, ["plan", "acme/mail"])).toMatchObject({ code: 0 });
  const client = new pg.Client(connection);
  await client.connect();
  const { rows } = await client.query("SELECT 1 FROM pg_tables WHERE schemaname = 'public'");
  await client.end();
  expect(rows).toEqual([]);
  const away = await makeProject({ hub: { database: { url: "postgres://nobody@127.0.0.1:9/none" } } });
  expect(await runDeskwire(away, ["plan", "acme/mail", "--last", "0"])).toMatchObject({ code: 0 });
});

test("beside a running hub its state folder stays as it is", { timeout }, async () => {
  const dir = await makeProject();
  const hub = await spawnHub(dir, await freePort());
  cleanUps.push(() => hub.stop());
  const outside = async () =>
    (await readdir(`${dir}/state`, { recursive: true })).filter((path) => !path.startsWith("postgres/"));
  const before = await outside();
  const { code, output } = await runDeskwire(dir, ["plan", "acme/mail"]);
  expect(output).toContain("Nothing was written");
  expect(code).toBe(0);
  expect(await outside()).toEqual(before);
});

test("what cannot be meant, or cannot be read, is told with what to do", { timeout }, async () => {
  const dir = await makeProject({ mail: { enabled: true } });
  const wrong: Array<[string[], RegExp]> = [
    [[], /say which: COMPANY\/CONNECTOR/],
    [["none/mail"], /no company "none"; there is: acme/],
    [["acme"], /no connector ""; it has: api, mail/],
    [["acme/mail/x"], /no connector "mail\/x"; it has: api, mail/],
    [["acme/api"], /acme\/api cannot read what is old; those that can: acme\/mail\. .*start a hub on a copy/],
    [["acme/mail", "--last", "51"], /--last 51: expected a whole number from 0 to 50/],
    [["acme/mail", "--last", "two"], /--last two: expected/],
    [["acme/mail", "--days", "0"], /--days 0: expected a whole number from 1 to 365/],
    [["acme/mail", "--days", "1.5"], /--days 1\.5: expected/],
  ];
  for (const [args, message] of wrong) {
    const { code, output } = await runDeskwire(dir, ["plan", ...args]);
    expect(output).toMatch(message);
    expect(output).not.toContain("the last");
    expect(code).toBe(2);
  }
  expect(await readdir(dir)).toEqual(["config"]);
});

test("a source that fails is told in one line, with exit code 1", { timeout }, async () => {
  const dir = await makeProject({ mail: { plugin: "../../failing.mjs", items: undefined } });
  await writeFile(
    `${dir}/failing.mjs`,
    `import { z } from ${JSON.stringify(import.meta.resolve("zod"))};
    export default { name: "failing", core: "^1", config: z.object({}), limits: { requests: 1, perMs: 1000, concurrency: 1 },
      open: async () => ({}), check: async () => ({ ok: true }), close: async () => {}, cursor: z.object({}),
      pull: { async *pages() {}, async *backfill() { yield { events: [] }; throw new Error("the line broke"); } } };`,
  );
  const { code, output } = await runDeskwire(dir, ["plan", "acme/mail"]);
  expect(output).toBe("acme/mail could not be read: the line broke\n");
  expect(code).toBe(1);
});

test("Ctrl-C ends it at once, and nothing is written", { timeout }, async () => {
  const many = Array.from({ length: 100 }, (_, i) => item(`m-${i}`, "customer", 6 - i / 20, `t-${i}`));
  const dir = await makeProject({ mail: { items: many, pauseMs: 1_000 } });
  const main = fileURLToPath(new URL("main.ts", import.meta.url));
  const args = [main, "plan", "acme/mail", "--project", dir];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (output += String(chunk)));
  await until("progress is told", async () => (/[1-9]\d* items read …\n/.test(output) ? true : undefined));
  const asked = performance.now();
  child.kill("SIGINT");
  const [code] = (await once(child, "close")) as [number];
  expect(performance.now() - asked).toBeLessThan(3_000);
  expect(output).toMatch(/stopped: nothing of it was kept\n$/);
  expect(code).toBe(1);
  expect(await readdir(dir)).toEqual(["config"]);
});
