import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import type { Delivered, OutgoingDraft } from "../../plugins/contract/connector.ts";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import { newId } from "../lib/ids.ts";
import { Unavailable } from "../lib/unavailable.ts";
import { revive } from "../store/progress.ts";
import { testCompany, testDirectory, testInstance } from "../testing/company.ts";
import {
  classified,
  classifyAll,
  draftResult,
  makeHelpdesk,
  progressOf,
  sharedQueue,
  startTestPipeline,
  tally,
} from "../testing/pipeline.ts";
import { eventually, newMessage, openTestStore, storeMessages } from "../testing/store.ts";
import { recordReply } from "./replies.ts";

const many = (count: number, fields = {}) => Array.from({ length: count }, () => newMessage(fields));
const toItems = (ids: string[]) => ids.map((id) => ({ id, company: "acme" }));
const never = () => new Promise<never>(() => undefined);

test("300 messages are classified, drafted for and delivered, each once", async () => {
  const { db } = await openTestStore();
  const helpdesk = makeHelpdesk();
  const batches: number[] = [];
  const drafts: string[] = [];
  const { queue } = startTestPipeline(db, {
    ...helpdesk,
    classify: (items) => {
      batches.push(items.length);
      return classifyAll(items);
    },
    draft: async ({ conversation }) => {
      drafts.push(conversation.at(-1)?.text ?? "");
      return draftResult("Hello");
    },
  });
  const ids = await storeMessages(
    db,
    Array.from({ length: 300 }, (_, i) => newMessage({ text: `message ${i}` })),
  );
  await queue.publish("classify", toItems(ids));
  await eventually(async () => (await tally(db)).delivered === 300, "all delivered");
  expect(helpdesk.calls.size).toBe(300);
  expect([...helpdesk.calls.values()].every((calls) => calls === 1)).toBe(true);
  expect(new Set(drafts).size).toBe(300);
  expect(drafts).toHaveLength(300);
  expect(Math.max(...batches)).toBe(32);
  const [entries] = await db.query("count-audit", "SELECT count(*)::int AS n FROM audit_log", []);
  expect(entries).toEqual({ n: 300 });
});

test("a classifier that is away costs no attempts, and messages go on when it is back", async () => {
  const { db } = await openTestStore();
  let away = true;
  const { queue } = startTestPipeline(db, {
    classify: (items) => (away ? Promise.reject(new Unavailable("classifier")) : classifyAll(items)),
  });
  const ids = await storeMessages(db, many(40));
  await queue.publish("classify", toItems(ids));
  await eventually(async () => (await progressOf(db, ids[39] ?? "")).error !== null, "the failure is noted");
  await sleep(1_300);
  expect(await progressOf(db, ids[0] ?? "")).toMatchObject({ attempts: 0, stage: "received", outcome: null });
  away = false;
  await eventually(async () => (await tally(db)).delivered === 40, "all delivered");
});

test("a message that the classifier cannot take ends dead, and those beside it go on", async () => {
  const { db } = await openTestStore();
  const { queue } = startTestPipeline(db, {
    classify: async (items) => {
      if (items.some(({ text }) => text === "poison")) throw new TypeError("cannot read it");
      return { results: items.filter(({ text }) => text !== "forgotten").map(({ id }) => classified(id)) };
    },
  });
  const ids = await storeMessages(db, [
    ...many(20),
    newMessage({ text: "poison" }),
    newMessage({ text: "forgotten" }),
    ...many(10),
  ]);
  await queue.publish("classify", toItems(ids));
  await eventually(async () => (await tally(db)).delivered === 30, "the others delivered", 5_000);
  await eventually(async () => (await tally(db)).dead === 2, "both dead");
  expect(await progressOf(db, ids[20] ?? "")).toMatchObject({
    attempts: 3,
    error: { kind: "transient", message: "cannot read it", step: "classify" },
  });
});

test("a permanent error of the drafter makes a dead letter with its error; revived, it is delivered", async () => {
  const { db } = await openTestStore();
  let broken = true;
  const { queue } = startTestPipeline(db, {
    draft: async () => {
      // NUL and half a pair are what PostgreSQL would refuse.
      if (broken) throw new ConnectorError("permanent", "the model refuses\u0000 \ud83d");
      return draftResult("Hello");
    },
  });
  const ids = await storeMessages(db, many(3));
  await queue.publish("classify", toItems(ids));
  await eventually(async () => (await tally(db)).dead === 3, "all dead");
  const dead = await progressOf(db, ids[0] ?? "");
  expect(dead).toMatchObject({ stage: "classified", attempts: 1 });
  expect(dead.error).toEqual({ kind: "permanent", message: "the model refuses\ufffd \ufffd", step: "draft" });
  broken = false;
  expect(await revive(db, { company: null, ids: null })).toHaveLength(3);
  await eventually(async () => (await tally(db)).delivered === 3, "all delivered");
});

test("transient errors back off, and end after the policy's attempts", async () => {
  const { db } = await openTestStore();
  const at: number[] = [];
  const { queue } = startTestPipeline(db, {
    put: async () => {
      at.push(performance.now());
      throw new ConnectorError("transient", "the helpdesk is down");
    },
  });
  const [id] = (await storeMessages(db, many(1))) as [string];
  await queue.publish("classify", toItems([id]));
  await eventually(async () => (await tally(db)).dead === 1, "dead");
  expect(at).toHaveLength(3);
  expect((at[1] as number) - (at[0] as number)).toBeGreaterThanOrEqual(50);
  expect(await progressOf(db, id)).toMatchObject({ stage: "drafted", attempts: 3 });
});

test("a newer message of the requester supersedes the older one's draft", async () => {
  const { db } = await openTestStore();
  const helpdesk = makeHelpdesk();
  const [older, newer] = (await storeMessages(db, many(2, { threadId: "t" }))) as [string, string];
  const { queue } = startTestPipeline(db, helpdesk);
  await queue.publish("classify", toItems([older, newer]));
  await eventually(async () => (await tally(db)).delivered === 1, "the newer one delivered");
  await eventually(async () => (await tally(db)).skipped === 1, "the older one skipped");
  expect(await progressOf(db, older)).toMatchObject({ outcome: "skipped", reason: "superseded" });
  expect([...helpdesk.calls.keys()]).toEqual([newer]);
});

test("an automatic mail after a message does not take its draft away", async () => {
  const { db } = await openTestStore();
  const first = newMessage({ threadId: "t" });
  await storeMessages(db, [first, newMessage({ threadId: "t", skip: "an automatic reply" })]);
  const { queue } = startTestPipeline(db);
  await queue.publish("classify", toItems([first.id]));
  await eventually(async () => (await tally(db)).delivered === 1, "delivered");
});

test("an agent who answers before the delivery makes the draft needless", async () => {
  const { db } = await openTestStore();
  const helpdesk = makeHelpdesk();
  const [id] = (await storeMessages(db, many(1, { threadId: "t" }))) as [string];
  const { queue } = startTestPipeline(db, {
    ...helpdesk,
    draft: async () => {
      const reply = {
        kind: "agent-reply" as const,
        externalId: newId(),
        threadId: "t",
        text: "Done.",
        agent: {},
      };
      await recordReply(db, { company: "acme", connector: "api" }, reply, "agent:x");
      return draftResult("Hello");
    },
  });
  await queue.publish("classify", toItems([id]));
  await eventually(async () => (await tally(db)).skipped === 1, "skipped");
  expect(await progressOf(db, id)).toMatchObject({ stage: "drafted", reason: "answered" });
  expect(helpdesk.calls.size).toBe(0);
});

/** A message that an agent answers while its draft is being written, for a connector that can look for drafts. */
async function answeredMeanwhile(put: (draft: OutgoingDraft) => Promise<Delivered>) {
  const { db } = await openTestStore();
  const spec = { deliver: { as: "internal-note", put: () => undefined, find: () => undefined } };
  const directory = testDirectory(testCompany("acme", [testInstance("api", spec as never)]));
  const draft = async () => {
    const reply = { kind: "agent-reply" as const, externalId: newId(), threadId: "t", agent: {} };
    const from = { company: "acme", connector: "api" };
    await recordReply(db, from, { ...reply, text: "On its way." }, "agent:Kim");
    return draftResult("On its way.");
  };
  const { queue } = startTestPipeline(db, { draft, put }, { directory });
  const [id] = (await storeMessages(db, [newMessage({ threadId: "t" })])) as [string];
  await queue.publish("classify", toItems([id]));
  return { db, id };
}

test("where an agent has answered, a connector that can look is asked whether the draft was there before", async () => {
  const asked: Array<string | undefined> = [];
  const { db } = await answeredMeanwhile(async ({ overtakenBy }) => {
    asked.push(overtakenBy);
    return { externalId: "note", created: false };
  });
  await eventually(async () => (await tally(db)).delivered === 1, "delivered");
  expect(asked).toEqual(["answered"]);
  const outcomes = () => db.query("late", "SELECT kind FROM outcomes", []);
  await eventually(async () => (await outcomes()).length > 0, "the reply is matched");
  expect(await outcomes()).toEqual([{ kind: "sent-unchanged" }]);
});

test("where it was not there, or nobody may look, the message ends as answered", async () => {
  const ways = [
    async () => ({ skipped: "answered" as const }),
    () => Promise.reject(new ConnectorError("auth", "refused")),
  ];
  for (const put of ways) {
    const { db, id } = await answeredMeanwhile(put);
    await eventually(async () => (await tally(db)).skipped === 1, "skipped");
    expect(await progressOf(db, id)).toMatchObject({ reason: "answered", error: null });
  }
});

test("a draft that the helpdesk says was edited is left alone", async () => {
  const { db } = await openTestStore();
  const { queue } = startTestPipeline(db, { put: async () => ({ skipped: "edited" }) });
  const [id] = (await storeMessages(db, many(1))) as [string];
  await queue.publish("classify", toItems([id]));
  await eventually(async () => (await tally(db)).skipped === 1, "skipped");
  expect(await progressOf(db, id)).toMatchObject({ reason: "edited", delivered_as: null });
});

test("two nodes that both hear of every message draft and deliver each once", async () => {
  const { db, another } = await openTestStore();
  const helpdesk = makeHelpdesk();
  const drafts: string[] = [];
  const outside = {
    ...helpdesk,
    draft: async ({ conversation }: { conversation: ReadonlyArray<{ text: string }> }) => {
      drafts.push(conversation.at(-1)?.text ?? "");
      await sleep(3);
      return draftResult("Hello");
    },
  };
  const nodes = [db, another()].map((own) => startTestPipeline(own, outside, { queue: sharedQueue() }));
  const ids = await storeMessages(
    db,
    Array.from({ length: 300 }, (_, i) => newMessage({ text: `message ${i}` })),
  );
  for (const { queue } of nodes) {
    for (const step of ["classify", "draft", "deliver"] as const) await queue.publish(step, toItems(ids));
  }
  const again = setInterval(() => {
    for (const { queue } of nodes) {
      void queue.publish("draft", toItems(ids));
      void queue.publish("deliver", toItems(ids));
    }
  }, 50);
  await eventually(async () => (await tally(db)).delivered === 300, "all delivered");
  clearInterval(again);
  await sleep(100);
  expect(drafts).toHaveLength(300);
  expect(helpdesk.calls.size).toBe(300);
  expect([...helpdesk.calls.values()].every((calls) => calls === 1)).toBe(true);
});

test("what a node that died had claimed is delivered by another one", async () => {
  const { db, another } = await openTestStore();
  const dying = another();
  const ids = await storeMessages(db, many(5));
  let taken = 0;
  const first = startTestPipeline(
    dying,
    {
      put: () => {
        taken++;
        return never();
      },
    },
    { queue: sharedQueue() },
  );
  await first.queue.publish("classify", toItems(ids));
  await eventually(() => taken === 5, "the first node holds all");
  // It can extend no claim any more: as good as dead.
  await dying.close();

  const helpdesk = makeHelpdesk();
  startTestPipeline(db, helpdesk, { queue: sharedQueue(), stalledMs: 1_000 });
  await db.query("due", "UPDATE progress SET due_at = now()", []);
  await sleep(1_500);
  expect(helpdesk.calls.size).toBe(0);
  await eventually(async () => (await tally(db)).delivered === 5, "all delivered");
  expect([...helpdesk.calls.values()]).toEqual([1, 1, 1, 1, 1]);
});

test("a stop aborts a hanging draft at its deadline, and the next node takes it up at once", async () => {
  const { db, another } = await openTestStore();
  const aborted: unknown[] = [];
  const { queue, pipeline } = startTestPipeline(
    db,
    {
      draft: (_, signal) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener("abort", () => {
            aborted.push(signal.reason);
            reject(signal.reason);
          });
        }),
    },
    { queue: sharedQueue() },
  );
  const [id] = (await storeMessages(db, many(1))) as [string];
  await queue.publish("classify", toItems([id]));
  await eventually(() => queue.depth().draft.working === 1, "drafting");
  const started = performance.now();
  await pipeline.stop(200);
  expect(performance.now() - started).toBeLessThan(2_000);
  expect(aborted).toHaveLength(1);
  expect(await progressOf(db, id)).toMatchObject({ attempts: 0, error: null, claimed_until: null });
  startTestPipeline(another(), {}, { queue: sharedQueue() });
  await eventually(async () => (await tally(db)).delivered === 1, "delivered", 3_000);
});

test("a stop leaves calls behind that heed no signal, and their claims keep others away", async () => {
  const { db } = await openTestStore();
  const { queue, pipeline } = startTestPipeline(db, { put: never, classify: classifyAll });
  const [id] = (await storeMessages(db, many(1))) as [string];
  await queue.publish("classify", toItems([id]));
  await eventually(() => queue.depth().deliver.working === 1, "delivering");
  const started = performance.now();
  await pipeline.stop(100);
  expect(performance.now() - started).toBeLessThan(2_000);
  expect((await progressOf(db, id)).claimed_until).not.toBeNull();
});

test("a stop lets work end that needs less than its deadline", async () => {
  const { db } = await openTestStore();
  let putting: OutgoingDraft | undefined;
  const { queue, pipeline } = startTestPipeline(db, {
    put: async (draft) => {
      putting = draft;
      await sleep(300);
      return { externalId: "note", created: true };
    },
  });
  const ids = await storeMessages(db, many(1));
  await queue.publish("classify", toItems(ids));
  await eventually(() => putting !== undefined, "delivering");
  await pipeline.stop(5_000);
  expect(await tally(db)).toEqual({ delivered: 1 });
});

test("messages of a company without a config wait for it", async () => {
  const { db } = await openTestStore();
  const directory = testDirectory();
  const { queue } = startTestPipeline(db, {}, { directory });
  const [id] = (await storeMessages(db, many(1))) as [string];
  await queue.publish("classify", toItems([id]));
  await eventually(async () => (await progressOf(db, id)).error !== null, "the failure is noted");
  expect(await progressOf(db, id)).toMatchObject({ attempts: 0, outcome: null, error: { kind: "config" } });
  directory.replace("acme", testCompany("acme"));
  await db.query("due", "UPDATE progress SET due_at = now()", []);
  await eventually(async () => (await tally(db)).delivered === 1, "delivered");
});

test("one item that PostgreSQL refuses fails alone in its group commit", async () => {
  const { db } = await openTestStore();
  const { queue } = startTestPipeline(db, {
    classify: async (items) => ({
      results: items.map(({ id, text }) => ({
        ...classified(id),
        model: text === "bad label" ? "a\u0000b" : "test",
      })),
    }),
    draft: async ({ conversation }) =>
      draftResult(conversation.at(-1)?.text === "bad draft" ? "a\u0000b" : "Hello"),
    put: async ({ message }) => ({
      externalId: message.text === "bad answer" ? "a\u0000b" : "note",
      created: true,
    }),
  });
  const bad = ["bad label", "bad draft", "bad answer"].map((text) => newMessage({ text }));
  const ids = await storeMessages(db, [...many(30), ...bad, ...many(30)]);
  await queue.publish("classify", toItems(ids));
  await eventually(async () => (await tally(db)).delivered === 60, "the others delivered", 5_000);
  await eventually(async () => (await tally(db)).dead === 3, "the bad ones dead");
  const steps = [];
  for (const { id } of bad) steps.push((await progressOf(db, id)).error?.step);
  expect(steps).toEqual(["classify", "draft", "deliver"]);
});

test("what was open when the last process ended is taken up at the start, claimed or not", async () => {
  const { db } = await openTestStore();
  await storeMessages(db, many(20));
  await db.query("claimed", "UPDATE progress SET claimed_until = now() + interval '1 hour'", []);
  startTestPipeline(db);
  await eventually(async () => (await tally(db)).delivered === 20, "all delivered");
});
