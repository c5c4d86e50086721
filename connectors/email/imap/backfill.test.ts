import { afterAll, beforeAll, expect, test } from "vitest";
import { startDovecot, type TestDovecot } from "../../../core/testing/dovecot.ts";
import { startFaultProxy } from "../../../core/testing/fault-proxy.ts";
import { describeWith } from "../../../core/testing/system-packages.ts";
import { backfillPages } from "./backfill.ts";
import { mail, startPulling, subjectOf, testParts } from "./pull-testing.ts";

describeWith("dovecot", "a mailbox with many mails", () => {
  let dovecot: TestDovecot;
  beforeAll(async () => {
    dovecot = await startDovecot();
    for (const user of ["ann", "bob"]) await dovecot.addUser(user, "secret");
  });
  afterAll(() => dovecot.stop());

  const partsFor = (user: string, port = dovecot.port) =>
    testParts({ host: dovecot.host, port, user, password: "secret" });

  test("is read from a date on, sent mails in between, and ends", async () => {
    const day = (number: number) => new Date(Date.UTC(2026, 2, number, 12));
    await dovecot.append("ann", "INBOX", mail("too old"), { date: day(9) });
    await dovecot.append("ann", "INBOX", mail("question 1"), { date: day(10) });
    await dovecot.append("ann", "Sent", mail("answer 1"), { date: day(11) });
    for (let i = 2; i < 60; i++)
      await dovecot.append("ann", "INBOX", mail(`question ${i}`), { date: day(12) });
    await dovecot.append("ann", "Sent", mail("answer 2"), { date: day(13) });
    const pages = [];
    for await (const page of backfillPages(partsFor("ann"), day(10), new AbortController().signal))
      pages.push(page);
    const subjects = pages.flatMap(({ mails }) => mails).map(subjectOf);
    expect(pages.map(({ mails }) => mails.length)).toEqual([50, 11]);
    expect(subjects.slice(0, 3)).toEqual(["question 1", "answer 1", "question 2"]);
    expect(subjects.at(-1)).toBe("answer 2");
  });

  test("ends between pages where it is told to", async () => {
    const abort = new AbortController();
    const pages = [];
    for await (const page of backfillPages(partsFor("ann"), new Date(0), abort.signal)) {
      pages.push(page);
      abort.abort();
    }
    expect(pages).toHaveLength(1);
  });

  test("costs little to look at again: nothing is listed that was read before", async () => {
    await dovecot.deliver(
      "bob",
      "INBOX",
      Array.from({ length: 10_000 }, (_, i) => mail(`old ${i}`)),
    );
    // The first look is Dovecot's own work: it numbers the mails.
    await dovecot.inFolder("bob", "INBOX", async (client) => client.noop());
    const proxy = await startFaultProxy({ port: dovecot.port });
    const begun = startPulling(partsFor("bob", proxy.port), null);
    await begun.until(() => begun.pages.length > 0);
    await begun.stop();
    const quiet = proxy.bytes();
    const start = performance.now();
    const idle = startPulling(partsFor("bob", proxy.port), begun.cursor());
    await idle.until(() => idle.pages.length > 0);
    const took = performance.now() - start;
    await idle.stop();
    const afterIdle = proxy.bytes();
    await dovecot.append("bob", "INBOX", mail("new"));
    const then = performance.now();
    const next = startPulling(partsFor("bob", proxy.port), idle.cursor());
    await next.until(() => next.mails().length > 0);
    const tookNew = performance.now() - then;
    await next.stop();
    const total = proxy.bytes();
    await proxy.stop();
    console.log(
      `10,000 mails: a sweep with nothing new ${Math.round(took)} ms and ${afterIdle - quiet} bytes, ` +
        `with one new mail ${Math.round(tookNew)} ms and ${total - afterIdle} bytes, sign-in included`,
    );
    expect(next.subjects()).toEqual(["new"]);
    expect(afterIdle - quiet).toBeLessThan(10_000);
    expect(total - afterIdle).toBeLessThan(10_000);
  });
});
