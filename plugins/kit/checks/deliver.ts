/** Rules of `deliver` while the other side is well: once, whole, and never over an agent's head. */
import { randomUUID } from "node:crypto";
import type { OutgoingReply } from "../../contract/connector.ts";
import { ensure, type Rule } from "../rule.ts";
import { draftFor, includesText, need, type Stage } from "../stage.ts";
import type { Found } from "../world.ts";

/** The draft's text, with all that has been lost on such ways before. */
const toughText = (key: string) =>
  `Hello Ada,\n\nyour parcel ${key} is on its way – für Sie, привет, 请 😀.\n.\nFrom here <b>on</b> &amp; "so" it's 100 %.\n\n> quoted\nBcc: x@example.com\n\nBest regards`;

async function foundWith(stage: Stage, text: string): Promise<Found[]> {
  return (await stage.found()).filter((draft) => includesText(draft.text, text));
}

async function ensureOnce(stage: Stage, text: string, when: string): Promise<void> {
  const { length } = await foundWith(stage, text);
  ensure(length === 1, `${when} agents find the draft ${length} times`);
}

function replyFor(stage: Stage, customer: Awaited<ReturnType<Stage["customer"]>>): OutgoingReply {
  const { ticket, message, text } = draftFor(customer);
  const { key } = stage.message();
  return {
    externalId: `reply-${key}`,
    text: `${text} ${toughText(key)}`,
    agent: { name: "Kim" },
    ticket,
    message,
  };
}

const finds = (spec: Stage["world"]["spec"]) => spec.deliver?.find !== undefined;
const sends = (spec: Stage["world"]["spec"]) => spec.deliver?.send !== undefined;

export const deliverRules: Rule[] = [
  {
    name: "deliver: agents find a draft with its whole text",
    covers: "deliver",
    async run(stage) {
      const draft = draftFor(await stage.customer());
      const text = toughText(draft.id);
      const delivered = await stage.host.put({ ...draft, text });
      ensure("externalId" in delivered, `expected it to be delivered, got ${JSON.stringify(delivered)}`);
      const all = await stage.found();
      ensure(
        all.some((found) => includesText(found.text, text)),
        `expected ${JSON.stringify(text)}, agents find ${JSON.stringify(all.map((found) => found.text)).slice(0, 2_000)}`,
      );
    },
  },
  {
    name: "deliver: a draft that is put again is there once, under the same id",
    covers: "deliver",
    async run(stage) {
      const { host } = stage;
      const draft = draftFor(await stage.customer());
      const first = await host.put(draft);
      await ensureOnce(stage, draft.text, "put once,");
      const second = await host.put(draft);
      await ensureOnce(stage, draft.text, "put again,");
      // What the first call remembered is gone after a crash.
      await host.close(stage.patience.promptMs);
      const third = await host.put(draft);
      await ensureOnce(stage, draft.text, "put again by a new client,");
      const ids = [first, second, third].map((one) =>
        "externalId" in one ? one.externalId : JSON.stringify(one),
      );
      ensure(new Set(ids).size === 1, `the same draft has the ids ${ids.join(", ")}`);
    },
  },
  {
    name: "deliver: drafts that are put at the same time all arrive, each once",
    covers: "deliver",
    async run(stage) {
      const { host } = stage;
      const customers = [await stage.customer(), await stage.customer(), await stage.customer()];
      const drafts = customers.map((customer) => draftFor(customer));
      await Promise.all([...drafts, ...drafts].map((draft) => host.put(draft)));
      for (const draft of drafts) await ensureOnce(stage, draft.text, "put side by side,");
    },
  },
  {
    name: "deliver: a draft whose answer got lost is not written a second time",
    covers: "deliver",
    async run(stage) {
      const { host } = stage;
      await host.put(draftFor(await stage.customer()));
      const draft = draftFor(await stage.customer());
      await stage.cause("lost-answer");
      // Whether the connector noticed, and tried again by itself, does not matter: in the end it is there once.
      await host.put(draft).catch((error) => stage.journal.note("a lost answer", error));
      await stage.mend();
      await host.close(stage.patience.promptMs);
      await host.put(draft);
      await ensureOnce(stage, draft.text, "after a lost answer and another attempt");
    },
  },
  {
    name: "deliver: a draft that an agent has changed is never overwritten",
    covers: "deliver",
    async run(stage) {
      const { host, side } = stage;
      const customer = await stage.customer();
      const draft = draftFor(customer);
      await host.put(draft);
      const [there] = await foundWith(stage, draft.text);
      ensure(there, "agents do not find the draft");
      const { key } = stage.message();
      const edited = `Dear Ada, I have looked it up for you. Reference ${key}.`;
      await need(side.edit, "edit")(there, edited);
      await host.put(draft);
      ensure(
        (await foundWith(stage, edited)).length === 1,
        "put again, it overwrote what the agent had written",
      );
      await host.close(stage.patience.promptMs);
      await host.put(draftFor(customer, { ticket: draft.ticket }));
      ensure(
        (await foundWith(stage, edited)).length === 1,
        "the next draft overwrote what the agent had written",
      );
    },
  },
  {
    name: "deliver: once an agent has answered, no draft is left in the way",
    covers: "deliver",
    async run(stage) {
      const { host, side } = stage;
      const customer = await stage.customer();
      await need(side.answer, "answer")(customer.message, "It is here, I have found it myself.");
      const draft = draftFor(customer);
      const delivered = await host.put(draft);
      const left = await foundWith(stage, draft.text);
      const isSkipped = "skipped" in delivered && delivered.skipped === "answered";
      ensure(isSkipped || left.length === 0, "a draft lies there, although an agent has answered already");
      ensure(left.length === 0, "it says that it skipped the draft, and has written it");
    },
  },
  {
    name: "deliver: what an attempt before has written is found, and where there is none nothing is written",
    covers: "deliver",
    applies: finds,
    async run(stage) {
      const { host } = stage;
      const customer = await stage.customer();
      const draft = draftFor(customer);
      const before = await host.find(draft);
      ensure(before === null, `it finds a draft that was never written: ${JSON.stringify(before)}`);
      const missing = await foundWith(stage, draft.text);
      ensure(missing.length === 0, "it was to look for the draft, and has written it");
      const put = await host.put(draft);
      await host.close(stage.patience.promptMs);
      const after = await host.find(draft);
      const id = "externalId" in put ? put.externalId : undefined;
      ensure(after?.externalId === id, `put as ${id}, it is found as ${JSON.stringify(after)}`);
      await ensureOnce(stage, draft.text, "looked for,");
    },
  },
  {
    name: "deliver: an approved reply reaches the customer once, with its whole text",
    covers: "deliver",
    applies: sends,
    async run(stage) {
      const { host, side } = stage;
      const reply = replyFor(stage, await stage.customer());
      await host.send(reply);
      await host.send(reply);
      await host.close(stage.patience.promptMs);
      await host.send(reply);
      const all = await need(side.sent, "sent")();
      const { length } = all.filter(({ text }) => includesText(text, reply.text));
      ensure(length === 1, `the customer got the reply ${length} times, and ${all.length} replies in all`);
    },
  },
  {
    name: "deliver: strange names and subjects do not break a draft",
    covers: "deliver",
    async run(stage) {
      const customer = await stage.customer();
      const wishes = ["Re: a\r\nBcc: all@example.com", "😀".repeat(400), '"; DROP TABLE drafts; --', ""];
      for (const subject of wishes) {
        const plain = draftFor(customer);
        const requester = { name: `Ada "\r\n<x@example.com>, ${subject.slice(0, 50)}` };
        const id = randomUUID();
        const draft = {
          ...plain,
          ticket: { ...plain.ticket, id, subject, requester: { ...plain.ticket.requester, ...requester } },
        };
        const delivered = await stage.host.put(draft);
        if ("skipped" in delivered) continue;
        await ensureOnce(stage, draft.text, `under the subject ${JSON.stringify(subject.slice(0, 30))}`);
      }
    },
  },
];
