/** Nothing is lost and nothing comes twice, though the process is killed on the way. */
import { dirname } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, expect, test } from "vitest";
import { readSamples } from "../../ml-service/train/samples.ts";
import { findRunningEmbeddedPostgres } from "../store/embedded-postgres.ts";
import {
  freePort,
  type HubProcess,
  makeHubProject,
  request,
  spawnHub,
  testKey,
  until,
} from "../testing/hub.ts";
import {
  longComplaints,
  multilingualTickets,
  russianQuestions,
  type SampleMessage,
  sharedData,
} from "../testing/shared-data.ts";
import { startSink } from "../testing/sink.ts";

const key = testKey("acme");
const inFlight = 16;
const cleanUps: Array<() => Promise<unknown>> = [];

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

/** Posts a message until it is answered 2xx: a sender that was cut off must ask again. @returns its ticket's id */
async function post(url: string, message: SampleMessage): Promise<string> {
  return until(
    `message ${message.externalId} is taken`,
    async () => {
      try {
        const { status, body } = await request(url, "/v1/messages", { key, body: message });
        if (status === 202 || status === 200)
          return (body as { accepted: [{ ticketId: string }] }).accepted[0].ticketId;
        if (status !== 503) throw new Error(`answered ${status}: ${JSON.stringify(body)}`);
      } catch (error) {
        if (!(error instanceof TypeError)) throw error;
        await sleep(100);
      }
      return undefined;
    },
    60_000,
  );
}

/** Posts all messages, and kills and restarts the hub when one third and two thirds are in. */
async function postThroughCrashes(messages: SampleMessage[], start: () => Promise<HubProcess>) {
  let hub = await start();
  cleanUps.push(() => hub.stop());
  const tickets = new Map<string, string>();
  let restarting: Promise<void> | undefined;
  const crashAt = new Set([Math.floor(messages.length / 3), Math.floor((2 * messages.length) / 3)]);
  const crash = async () => {
    await hub.kill();
    hub = await start();
  };
  let next = 0;
  const sender = async () => {
    for (let i = next++; i < messages.length; i = next++) {
      const message = messages[i] as SampleMessage;
      tickets.set(message.externalId, await post(hub.url, message));
      if (crashAt.has(tickets.size)) restarting = crash();
    }
  };
  await Promise.all(Array.from({ length: inFlight }, sender));
  await restarting;
  return { tickets, url: () => hub.url };
}

interface Shown {
  messages: Array<{
    externalId: string;
    progress: { stage: string };
    draft: { text: string; outcome: null };
  }>;
}

async function expectAllOnce(messages: SampleMessage[]) {
  const sink = await startSink();
  cleanUps.push(() => sink.close());
  const project = await makeHubProject({
    acme: `connectors:\n  api:\n    url: ${sink.url}\n    secret: a-secret-that-signs-the-drafts\n`,
  });
  cleanUps.push(() => project.remove());
  const port = await freePort();
  const { tickets, url } = await postThroughCrashes(messages, () => spawnHub(project.dir, port));
  expect(tickets.size).toBe(messages.length);

  await until(
    "all is delivered",
    async () => {
      const { body } = await request(url(), "/health");
      const { classify, draft, deliver } = (
        body as { checks: { queue: Record<string, { waiting: number; working: number }> } }
      ).checks.queue;
      const busy = [classify, draft, deliver].some((step) => step && step.waiting + step.working > 0);
      const ids = new Set(sink.deliveries.map(({ id }) => id));
      return !busy && ids.size >= messages.length ? true : undefined;
    },
    120_000,
  );

  // The history shows each message in a ticket of its own, delivered, with its draft.
  const ids = [...tickets];
  await Promise.all(
    Array.from({ length: inFlight }, async () => {
      for (let entry = ids.pop(); entry; entry = ids.pop()) {
        const [externalId, ticketId] = entry;
        const { body } = await request(url(), `/v1/tickets/${ticketId}`, { key });
        expect((body as Shown).messages).toMatchObject([
          { externalId, progress: { stage: "delivered" }, draft: {} },
        ]);
      }
    }),
  );
  let [listed, cursor] = [0, ""];
  do {
    const { body } = await request(url(), `/v1/tickets?limit=100${cursor}`, { key });
    const page = body as { tickets: unknown[]; next: string | null };
    listed += page.tickets.length;
    cursor = page.next ? `&cursor=${page.next}` : "";
  } while (cursor);
  expect(listed).toBe(messages.length);

  // A delivery that was cut off between the two sides is tried again: under the same id, with the same text.
  const texts = new Map<string, string>();
  for (const { id, draft } of sink.deliveries) {
    expect(draft.text).not.toBe("");
    expect(texts.get(id) ?? draft.text).toBe(draft.text);
    texts.set(id, draft.text);
  }
  expect(texts.size).toBe(messages.length);
  return { repeated: sink.deliveries.length - texts.size };
}

test("messages of the project's own go through two crashes, each delivered once", {
  timeout: 180_000,
}, async () => {
  const samples = readSamples(`${dirname(import.meta.dirname)}/../ml-service/train/samples`, 1);
  const messages = samples.slice(0, 400).map(({ text }, i) => ({ externalId: `own-${i}`, text }));
  expect(messages.length).toBeGreaterThan(200);
  await expectAllOnce(messages);
});

const data = sharedData();

test.skipIf(!data)(
  "2,000 tickets in five languages, Russian questions and long complaints go through two crashes, each delivered once",
  { timeout: 300_000 },
  async () => {
    const folder = data as string;
    const messages = [
      ...multilingualTickets(folder, 2_000),
      ...(await russianQuestions(folder)),
      ...longComplaints(folder, 200),
    ];
    expect(messages.length).toBe(2_000 + 201 + 200);
    const started = performance.now();
    const { repeated } = await expectAllOnce(messages);
    const seconds = ((performance.now() - started) / 1000).toFixed(1);
    console.log(
      `${messages.length} messages, two crashes, ${seconds} s; ${repeated} deliveries were repeated under their ids`,
    );
  },
);

test("the hub is ready in under 5 s, finds its data again, and stops its database with it", {
  timeout: 90_000,
}, async () => {
  const project = await makeHubProject({ acme: "connectors:\n  api: {}\n" });
  cleanUps.push(() => project.remove());
  const port = await freePort();
  const first = await spawnHub(project.dir, port);
  expect(first.readyMs).toBeLessThan(5_000);
  const ticket = await post(first.url, { externalId: "kept", text: "Is this kept?" });
  expect(await first.stop()).toBe(0);
  expect(await findRunningEmbeddedPostgres(`${project.dir}/state/postgres`)).toBeUndefined();

  const second = await spawnHub(project.dir, port);
  const { status } = await request(second.url, `/v1/tickets/${ticket}`, { key });
  expect(status).toBe(200);
  expect(await second.stop()).toBe(0);
});

test("a second hub on the same data refuses to start and leaves the first one alone", {
  timeout: 90_000,
}, async () => {
  const project = await makeHubProject({ acme: "connectors:\n  api: {}\n" });
  cleanUps.push(() => project.remove());
  const first = await spawnHub(project.dir, await freePort());
  cleanUps.push(() => first.stop());
  await expect(spawnHub(project.dir, await freePort())).rejects.toThrow(
    /another hub is running on this database/,
  );
  expect((await request(first.url, "/health")).status).toBe(200);
});
