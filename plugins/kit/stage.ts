/** What a check works with: a fresh side, a host with the connector, and the words to move both. */
import { randomUUID } from "node:crypto";
import type { OutgoingDraft, RawRequest } from "../contract/connector.ts";
import { describeError } from "../contract/errors.ts";
import type { InboundMessage } from "../contract/events.ts";
import { createKitHost, type KitHost, type Received } from "./host.ts";
import type { HttpFault } from "./http.ts";
import type { Journal } from "./journal.ts";
import type { Reading } from "./reading.ts";
import { endsWithin, eventually } from "./waiting.ts";
import type { CustomerMessage, Found, Patience, Side, World } from "./world.ts";

/** Thrown where a check applies to the connector, and its world gives no means for it. */
export class NotCovered extends Error {
  constructor(means: string) {
    super(`the world gives no ${means}`);
    this.name = "NotCovered";
  }
}

export const defaultPatience: Patience = { arriveMs: 5_000, failMs: 10_000, promptMs: 2_000 };

export interface Stage {
  readonly world: World;
  readonly side: Side;
  readonly host: KitHost;
  readonly journal: Journal;
  readonly patience: Patience;
  /** A message that no other one is like. */
  message(fields?: Partial<CustomerMessage>): CustomerMessage;
  /** Brings a message to where the connector pulls from. */
  arrive(fields?: Partial<CustomerMessage>): Promise<CustomerMessage>;
  /** Starts a reader that has come to rest once: it has a cursor, or has found nothing. Stopped after the check. */
  read(): Promise<Reading>;
  stop(reading: Reading): Promise<void>;
  /** The stored message of this text's key, once it is there. */
  stored(message: CustomerMessage): Promise<InboundMessage>;
  /** A genuine webhook of a message. */
  webhook(message: CustomerMessage, at?: Date): RawRequest;
  receive(request: RawRequest): Promise<Received>;
  /** A message that has come in by the way that the connector has: pull, push or neither. */
  customer(fields?: Partial<CustomerMessage>): Promise<Customer>;
  found(): Promise<Found[]>;
  /** Makes the other side fail, by the world's means or within `ctx.fetch`. Do something healthy before. */
  cause(kind: HttpFault): Promise<void>;
  mend(): Promise<void>;
  /** Whether the fault under way is one within `ctx.fetch`, whose details the kit knows. */
  readonly isOwnFault: boolean;
}

/** A customer's message, and as what the hub has it. */
export interface Customer {
  readonly message: CustomerMessage;
  readonly event: Pick<InboundMessage, "externalId" | "threadId" | "text" | "quoted" | "sourceData">;
}

/** @throws NotCovered where the world has no such means */
export function need<T>(means: T | undefined, name: string): T {
  if (means === undefined) throw new NotCovered(`\`${name}\``);
  return means;
}

export function includesText(text: string, part: string): boolean {
  const plain = (value: string) => value.replace(/\s+/g, " ").trim();
  return plain(text).includes(plain(part));
}

/** Waits for a message that came last: all before it have been read by then. */
export async function catchUp(stage: Stage): Promise<void> {
  await stage.stored(await stage.arrive());
}

/** A draft for a customer's message. */
export function draftFor({ message, event }: Customer, fields: Partial<OutgoingDraft> = {}): OutgoingDraft {
  const id = randomUUID();
  return {
    id,
    idempotencyKey: `draft-${id}`,
    ticket: {
      id: randomUUID(),
      code: id.replaceAll("-", "").slice(0, 10),
      threadId: event.threadId ?? event.externalId,
      subject: message.subject,
      requester: message.from,
    },
    message: {
      id: randomUUID(),
      externalId: event.externalId,
      text: event.text,
      quoted: event.quoted ?? null,
      sentAt: new Date(),
      sourceData: event.sourceData ?? null,
    },
    text: `Your parcel left our store today. Reference ${id}.`,
    language: "en",
    labels: null,
    sources: [],
    writtenBy: "offline",
    ...fields,
  };
}

/** Runs a check on a stage of its own, and clears it away. */
export async function withStage(world: World, journal: Journal, run: (stage: Stage) => Promise<void>) {
  const side = await world.start();
  let closing: Array<() => Promise<unknown>> = [() => side.close()];
  try {
    const host = createKitHost(world.spec, side.config, journal);
    const patience = { ...defaultPatience, ...world.patience };
    const { promptMs } = patience;
    // How a stop behaves is for the checks of it: here it must only not hold up what comes next.
    closing = [() => host.close(promptMs), ...closing];
    const stage = createStage({ world, journal, side, host, patience }, (reading) => {
      closing = [() => reading.stop(promptMs), ...closing];
    });
    closing = [() => endsWithin(stage.mend(), promptMs), ...closing];
    await run(stage);
  } finally {
    for (const close of closing) await close();
  }
}

type Parts = Pick<Stage, "world" | "journal" | "side" | "host" | "patience">;

function createStage(parts: Parts, opened: (reading: Reading) => void): Stage {
  const { side, host, patience, world } = parts;
  let own = false;
  const readings: Reading[] = [];
  /** What reading failed with lately: the likely reason why something does not come. */
  const trouble = () => {
    const error = readings.at(-1)?.errors.at(-1);
    return error === undefined ? "" : `; reading failed: ${describeError(error)}`;
  };
  const message = (fields: Partial<CustomerMessage> = {}): CustomerMessage => {
    const key = `k${randomUUID().slice(0, 8)}x`;
    const text = `Where is my parcel? It is number ${key} and was due on Friday.`;
    const from = { name: "Ada Berg", email: "ada@customer.example" };
    return { key, text, subject: `Parcel ${key}`, from, thread: key, files: [], ...fields };
  };
  const stage: Stage = {
    ...parts,
    message,
    async arrive(fields) {
      const made = message(fields);
      await need(side.arrive, "arrive")(made);
      return made;
    },
    async read() {
      const reading = host.read();
      opened(reading);
      readings.push(reading);
      const isAtRest = () => reading.rounds + reading.pages + reading.errors.length > 0;
      // A source that streams may have nothing to say at first.
      await eventually("a page, or an end of reading", 1_000, isAtRest).catch(() => undefined);
      return reading;
    },
    async stop(reading) {
      await reading.stop(patience.promptMs);
    },
    async stored({ key }) {
      const find = () =>
        host.memory.events.find((event) => event.kind === "message" && event.text.includes(key));
      try {
        return (await eventually(
          `a message with ${key} in its text`,
          patience.arriveMs,
          find,
        )) as InboundMessage;
      } catch (error) {
        throw new Error(`${describeError(error)}${trouble()}`);
      }
    },
    webhook(of, at = new Date()) {
      const { body, sign } = need(side.webhook, "webhook");
      return sign(body(of), at);
    },
    receive: (request) => host.receive(request),
    async customer(fields) {
      if (world.spec.pull && side.arrive) {
        const reading = await stage.read();
        const arrived = await stage.arrive(fields);
        const event = await stage.stored(arrived);
        await stage.stop(reading);
        return { message: arrived, event };
      }
      const made = message(fields);
      if (!world.spec.push || !side.webhook) {
        const { key, thread, text } = made;
        return { message: made, event: { externalId: key, threadId: thread, text } };
      }
      await host.receive(stage.webhook(made));
      return { message: made, event: await stage.stored(made) };
    },
    found: () => need(side.found, "found")(),
    async cause(kind) {
      const theirs = kind === "hang" ? side.faults?.silent : side.faults?.[kind];
      if (theirs) return theirs();
      if (host.http.calls === 0) throw new NotCovered(`\`faults["${kind}"]\`, and \`ctx.fetch\` is not used`);
      own = true;
      host.http.fault = kind;
    },
    async mend() {
      host.http.fault = null;
      own = false;
      await side.mend?.();
    },
    get isOwnFault() {
      return own;
    },
  };
  return stage;
}
