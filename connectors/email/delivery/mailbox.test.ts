import { afterAll, beforeAll, expect, test } from "vitest";
import { startDovecot, type TestDovecot } from "../../../core/testing/dovecot.ts";
import { type FaultProxy, startFaultProxy } from "../../../core/testing/fault-proxy.ts";
import { describeWith } from "../../../core/testing/system-packages.ts";
import { type DeliveryParts, putDraft, removeDrafts } from "./drafts.ts";
import {
  type DraftChanges,
  type TestMailboxOptions,
  testDraft,
  testMailbox,
  testOrigin,
  testSender,
} from "./test-delivery.ts";

const never = new AbortController().signal;

describeWith("dovecot", "the connection of deliveries", () => {
  let dovecot: TestDovecot;
  let proxy: FaultProxy;
  const cleanups: Array<() => Promise<void>> = [];
  beforeAll(async () => {
    dovecot = await startDovecot({
      settings: `
mail_plugins = quota
protocol imap {
  mail_plugins = quota imap_quota
}
plugin {
  quota = count:User quota
  quota_vsizes = yes
  quota_rule = *:storage=8M
  quota_grace = 0
}`,
    });
    for (const name of ["ann", "bob", "carl", "dora", "ed", "fay"]) await dovecot.addUser(name, "secret");
    proxy = await startFaultProxy({ port: dovecot.port });
  });
  afterAll(async () => {
    for (const cleanup of cleanups) await cleanup();
    await proxy.stop();
    await dovecot.stop();
  });

  function setUp(user: string, options: Partial<TestMailboxOptions> = {}) {
    const mailbox = testMailbox({ port: proxy.port, user, password: "secret", ...options });
    cleanups.push(() => mailbox.close());
    const parts: DeliveryParts = { sender: testSender(), mailbox, log: mailbox.log, now: () => new Date() };
    const put = (changes: DraftChanges = {}, signal = never) => putDraft(parts, testDraft(changes), signal);
    const drafts = async () => {
      await dovecot.inFolder(user, "Drafts", (client) => client.noop());
      return dovecot.list(user, "Drafts");
    };
    return { parts, put, drafts, mailbox };
  }
  const ticket = (i: number): DraftChanges => ({
    key: `message-${i}`,
    ticket: { id: `ticket-${i}` },
    origin: testOrigin({ messageId: `question-${i}@customer.example` }),
  });

  test("stays open over deliveries, closes when idle, and is opened again", async () => {
    const { put, mailbox, drafts } = setUp("ann", { idleMs: 300 });
    const before = proxy.connections();
    await put(ticket(1));
    await put(ticket(2));
    expect(mailbox.connections()).toBe(1);
    await expect.poll(() => proxy.connections(), { timeout: 5_000 }).toBe(before);
    await put(ticket(3));
    expect(mailbox.connections()).toBe(2);
    expect(await drafts()).toHaveLength(3);
  });

  test("is opened again where it broke between two deliveries, or in the middle of one", async () => {
    const { put, drafts, mailbox } = setUp("bob");
    await put(ticket(1));
    proxy.cut();
    await put(ticket(2));
    const running = put(ticket(3));
    setTimeout(() => proxy.cut(), 3);
    await running;
    expect(await drafts()).toHaveLength(3);
    expect(mailbox.connections()).toBeGreaterThanOrEqual(2);
  });

  test("waits for no server that is silent: a time-out is transient, and the next delivery works", async () => {
    const { put, drafts } = setUp("carl", { timeoutMs: 800 });
    await put(ticket(1));
    proxy.hold();
    await expect(put(ticket(2))).rejects.toMatchObject({
      kind: "transient",
      message: expect.stringContaining("did not answer in"),
    });
    await proxy.release();
    await put(ticket(2));
    expect(await drafts()).toHaveLength(2);
  });

  test("ends at once when the caller gives up, those that wait behind it too", async () => {
    const { put } = setUp("dora");
    await put(ticket(1));
    proxy.hold();
    const abort = new AbortController();
    const started = Date.now();
    const results = Promise.allSettled([put(ticket(2), abort.signal), put(ticket(3), abort.signal)]);
    abort.abort(new Error("stopping"));
    expect((await results).map((result) => result.status === "rejected" && String(result.reason))).toEqual([
      "Error: stopping",
      "Error: stopping",
    ]);
    expect(Date.now() - started).toBeLessThan(500);
    await proxy.release();
    expect(await put(ticket(2))).toMatchObject({ created: true });
  });

  test("says what to set where the Drafts folder is missing", async () => {
    const nowhere = setUp("ed", { folders: { drafts: null } });
    await expect(nowhere.put()).rejects.toMatchObject({
      kind: "config",
      message: expect.stringContaining("set draftsFolder"),
    });
    const wrong = setUp("ed", { folders: { drafts: "Drafst" } });
    await expect(wrong.put()).rejects.toMatchObject({
      kind: "config",
      message: expect.stringContaining("draftsFolder"),
    });
  });

  test("a full mailbox is tried again later, with a word for the person who can make room", async () => {
    const { put } = setUp("fay");
    const filler = `Subject: Large\r\n\r\n${"x".repeat(998).concat("\r\n").repeat(8_100)}`;
    await dovecot.append("fay", "INBOX", filler);
    await expect(put({ text: "y".repeat(400_000) })).rejects.toMatchObject({
      kind: "transient",
      retryAfterMs: 900_000,
      message: expect.stringContaining("the mailbox is full"),
    });
  });

  test("a new draft takes milliseconds with 5,000 in the folder", { timeout: 120_000 }, async () => {
    const { put, parts } = setUp("ann", { timeoutMs: 60_000 });
    const old = Array.from(
      { length: 5_000 },
      (_, i) => `Message-ID: <old-${i}@x>\r\nSubject: Old ${i}\r\nIn-Reply-To: <q-${i}@x>\r\n\r\nText\r\n`,
    );
    await dovecot.deliver("ann", "Drafts", old);
    const started = performance.now();
    await put(ticket(100));
    const first = performance.now() - started;
    const times: number[] = [];
    for (let i = 101; i <= 160; i++) {
      const start = performance.now();
      await put({ ...ticket(i), message: { sentAt: new Date() } });
      times.push(performance.now() - start);
    }
    const again: number[] = [];
    for (let i = 101; i <= 120; i++) {
      const start = performance.now();
      await put({
        ...ticket(i),
        key: `newer-${i}`,
        message: { sentAt: new Date() },
      });
      again.push(performance.now() - start);
    }
    const p = (list: number[], q: number) => list.sort((a, b) => a - b)[Math.floor(list.length * q)] ?? 0;
    console.info(
      `drafts among 5,000: first ${first.toFixed(0)} ms, then p50 ${p(times, 0.5).toFixed(1)} ms, p95 ` +
        `${p(times, 0.95).toFixed(1)} ms; replacing one p50 ${p(again, 0.5).toFixed(1)} ms`,
    );
    expect(p(times, 0.5)).toBeLessThan(100);
    expect(await removeDrafts(parts, { ticketId: "ticket-101" }, never)).toBe(1);
  });
});
