/** From a mail's arrival in a mailbox to its draft in the Drafts folder: a real Dovecot and one node, the offline drafter. */
import { setTimeout as sleep } from "node:timers/promises";
import { startDovecot, type TestDovecot } from "../core/testing/dovecot.ts";
import { freePort, type HubProcess, makeHubProject, spawnHub } from "../core/testing/hub.ts";
import { type Figure, percentile } from "./figures.ts";

const user = "support@acme.example";
const single = { mails: 60, pauseMs: 250 };
const burst = { mails: 1_000 };

function mail(id: string): string {
  return [
    `From: Ann Smith <ann-${id}@customer.example>`,
    `To: ${user}`,
    `Subject: Parcel ${id}`,
    `Message-ID: <${id}@customer.example>`,
    `Date: ${new Date().toUTCString()}`,
    "Content-Type: text/plain; charset=utf-8",
    "",
    "Hello,\r\n\r\nwhere is my parcel? It should have come on Monday, and the tracking page has not changed since.",
    "",
    "Kind regards\r\nAnn",
  ].join("\r\n");
}

/** Waits in the Drafts folder itself, as a mail program does: by IDLE. */
async function watchDrafts(dovecot: TestDovecot) {
  const arrived = new Map<string, number>();
  const watching = new AbortController();
  const done = dovecot.inFolder(user, "Drafts", async (client) => {
    let last = 0;
    const look = async () => {
      for await (const { uid, envelope } of client.fetch(
        `${last + 1}:*`,
        { uid: true, envelope: true },
        { uid: true },
      )) {
        if (uid <= last) continue;
        last = uid;
        const id = envelope?.inReplyTo?.replace(/[<>]|@.*/g, "");
        if (id) arrived.set(id, performance.now());
      }
    };
    let changed = true;
    client.on("exists", () => {
      changed = true;
    });
    while (!watching.signal.aborted) {
      if (changed) {
        changed = false;
        await look();
      }
      // A command lets the server tell what is new; IDLE would tell it a little sooner.
      await client.noop();
      await sleep(2);
    }
  });
  return {
    arrived,
    async stop() {
      watching.abort();
      await done;
    },
  };
}

async function until(what: string, reached: () => boolean): Promise<void> {
  for (const end = performance.now() + 300_000; !reached(); await sleep(2)) {
    if (performance.now() > end) throw new Error(`not within 300 s: ${what}`);
  }
}

async function oneByOne(dovecot: TestDovecot, arrived: Map<string, number>): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < single.mails; n++) {
    const id = `single-${n}`;
    const started = performance.now();
    await dovecot.append(user, "INBOX", mail(id));
    await until(`the draft for ${id}`, () => arrived.has(id));
    times.push((arrived.get(id) ?? Number.NaN) - started);
    await sleep(single.pauseMs);
  }
  // The first ones find a connection that is not open yet.
  return times.slice(5);
}

async function atOnce(dovecot: TestDovecot, arrived: Map<string, number>): Promise<number> {
  const before = arrived.size;
  const started = performance.now();
  await dovecot.deliver(
    user,
    "INBOX",
    Array.from({ length: burst.mails }, (_, n) => mail(`burst-${n}`)),
  );
  await until("all drafts", () => arrived.size >= before + burst.mails);
  return burst.mails / ((performance.now() - started) / 1000);
}

async function ready(hub: HubProcess, dovecot: TestDovecot, arrived: Map<string, number>): Promise<void> {
  // The connector begins with what comes after it has first looked: mails before that get no draft.
  for (let n = 0; arrived.size === 0; n++) {
    await dovecot.append(user, "INBOX", mail(`first-${n}`));
    await sleep(500);
    if (n > 60) throw new Error(`the mailbox is not read:\n${hub.output()}`);
  }
  await sleep(1_000);
}

/** @returns the figures of one node and one mailbox on this machine, the mail server included */
export async function benchMail(): Promise<Figure[]> {
  const dovecot = await startDovecot();
  await dovecot.addUser(user, "a password");
  const mailbox = {
    plugin: "email",
    imap: { host: "127.0.0.1", port: dovecot.port, security: "none" },
    user,
    password: "a password",
  };
  const project = await makeHubProject({ acme: `connectors: ${JSON.stringify({ support: mailbox })}\n` });
  const hub = await spawnHub(project.dir, await freePort());
  const watch = await watchDrafts(dovecot);
  try {
    await ready(hub, dovecot, watch.arrived);
    const times = await oneByOne(dovecot, watch.arrived);
    const throughput = await atOnce(dovecot, watch.arrived);
    return [
      {
        name: "mail arrived to draft in Drafts, median",
        value: percentile(times, 0.5),
        unit: "ms",
        goal: 1_000,
      },
      { name: "mail arrived to draft in Drafts, p95", value: percentile(times, 0.95), unit: "ms" },
      { name: `${burst.mails} mails at once`, value: throughput, unit: "drafts/s" },
    ];
  } finally {
    await watch.stop();
    await hub.stop();
    await dovecot.stop();
    await project.remove();
  }
}
