/** Rules of `pull` for what is in the items: whole, told apart, and never a reason to stop. */
import { ensure, type Rule } from "../rule.ts";
import { catchUp, draftFor, includesText, need } from "../stage.ts";
import { eventually } from "../waiting.ts";

const hostileTexts = [
  (key: string) => `${key} with a NUL \u0000 within`,
  (key: string) => `${key} with half a letter \ud83d within`,
  (key: string) => `${key} ${"is rather long. ".repeat(20_000)}`,
  (key: string) => `${key} 😀 \u202eright to left\u202c \u0007 <script>alert(1)</script> {{template}} %s %n`,
];

export const pullContentRules: Rule[] = [
  {
    name: "pull: a customer's message arrives with its text",
    covers: "pull",
    async run(stage) {
      await stage.read();
      const text = (key: string) =>
        `Hello ${key},\n\nmy zip is broken – can you help?\nГрüße, 请 😀 <b> &amp; "x"`;
      const made = stage.message();
      const message = { ...made, text: text(made.key) };
      await need(stage.side.arrive, "arrive")(message);
      const stored = await stage.stored(message);
      ensure(
        includesText(stored.text, message.text),
        `expected the whole text, got ${JSON.stringify(stored.text)}`,
      );
    },
  },
  {
    name: "pull: a message has the time at which it was written",
    covers: "pull",
    async run(stage) {
      await stage.read();
      const { sentAt } = await stage.stored(await stage.arrive());
      const offMs = Math.abs(Date.now() - (sentAt ?? new Date()).getTime());
      ensure(offMs < 86_400_000, `it came just now, and its sentAt is ${sentAt?.toISOString()}`);
    },
  },
  {
    name: "pull: what a customer writes again arrives as another message of the same thread",
    covers: "pull",
    async run(stage) {
      const { message, event } = await stage.customer();
      await stage.read();
      const { externalId, threadId } = await stage.stored(await stage.arrive({ thread: message.thread }));
      ensure(externalId !== event.externalId, `both messages have the id ${externalId}`);
      ensure(
        threadId === event.threadId,
        `the first message is of thread ${event.threadId}, the second one of ${threadId}`,
      );
    },
  },
  {
    name: "pull: an unreadable item is rejected by itself, and what follows it arrives",
    covers: "pull",
    async run(stage) {
      const { side } = stage;
      await stage.read();
      await need(side.arriveUnreadable, "arriveUnreadable")("unreadable");
      await stage.stored(await stage.arrive()).catch((cause) => {
        throw new Error("an unreadable item holds up what comes after it", { cause });
      });
    },
  },
  {
    name: "pull: an unreadable item is kept with a reason and its raw form",
    covers: "pull",
    async run(stage) {
      const { host, side } = stage;
      await stage.read();
      await need(side.arriveUnreadable, "arriveUnreadable")("unreadable");
      const find = () => host.memory.events.find(({ kind }) => kind === "rejected");
      const rejected = await eventually("a rejected item", stage.patience.arriveMs, find);
      ensure(
        rejected.kind === "rejected" && rejected.reason.trim() !== "",
        "it is rejected without a reason",
      );
      ensure((rejected.raw?.length ?? 0) > 0, "it is rejected without its raw form: nobody can look into it");
    },
  },
  {
    name: "pull: hostile content ends as a message or in quarantine",
    covers: "pull",
    async run(stage) {
      const { host } = stage;
      const reading = await stage.read();
      const before = host.memory.events.length;
      const empty = { name: "empty.bin", mediaType: "application/octet-stream", content: new Uint8Array() };
      for (const text of hostileTexts) {
        const made = stage.message();
        await need(stage.side.arrive, "arrive")({ ...made, text: text(made.key) });
      }
      await stage.arrive({ files: [empty] });
      await catchUp(stage);
      const taken = host.memory.events.length - before;
      ensure(
        taken >= hostileTexts.length + 2,
        `of ${hostileTexts.length + 2} items ${taken} are stored or in quarantine`,
      );
      ensure(
        reading.errors.length === 0,
        `reading failed over hostile content: ${String(reading.errors[0])}`,
      );
    },
  },
  {
    name: "pull: what it wrote itself comes back neither as a customer's message nor as an agent's reply",
    covers: "pull",
    applies: (spec) => spec.pull !== undefined && spec.deliver !== undefined,
    async run(stage) {
      const { host } = stage;
      const customer = await stage.customer();
      const draft = draftFor(customer);
      await host.put(draft);
      await stage.read();
      await catchUp(stage);
      await catchUp(stage);
      const back = host.memory.handedOver.find(
        (event) =>
          ((event.kind === "message" && event.skip === undefined) || event.kind === "agent-reply") &&
          event.text.includes(draft.id),
      );
      ensure(
        back?.kind !== "message",
        "its own draft came back as a customer's message, and would be answered in turn",
      );
      ensure(!back, "its own draft came back as an agent's reply: the customer got nothing");
    },
  },
  {
    name: "pull: what an agent answered comes back as a reply, or not at all",
    covers: "pull",
    applies: (spec) => spec.pull !== undefined && spec.deliver !== undefined,
    async run(stage) {
      const customer = await stage.customer();
      const { key } = stage.message();
      await need(stage.side.answer, "answer")(
        customer.message,
        `We have sent another one. Reference ${key}.`,
      );
      await stage.read();
      await catchUp(stage);
      await catchUp(stage);
      const back = stage.host.memory.handedOver.find(
        (event) => event.kind === "message" && event.skip === undefined && event.text.includes(key),
      );
      ensure(!back, "an agent's answer came back as a customer's message");
    },
  },
];
