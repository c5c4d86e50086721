/** What a node takes: requests to the server for each step and company, and where their answers go. */
import { createInbox, type Msg, type NatsConnection } from "nats";
import { type Channel, createChannel } from "./jetstream-channel.ts";
import type { Lanes } from "./jetstream-lanes.ts";
import type { Link } from "./jetstream-link.ts";
import { consumerName, type StreamOptions } from "./jetstream-stream.ts";
import { type Delivery, giveBackPayload } from "./jetstream-work.ts";
import type { ConsumeOptions, Consumer, Handler, QueueItem, Step } from "./queue.ts";

export interface IncomingParts {
  link: Link;
  lanes: Lanes;
  stream: StreamOptions;
  publish(step: Step, item: QueueItem): void;
}

/** Milliseconds between two looks for requests that were not answered. */
const tickMs = 1_000;

export type Incoming = ReturnType<typeof createIncoming>;

export function createIncoming({ link, lanes, stream, publish }: IncomingParts) {
  const inbox = createInbox();
  const channels = new Map<Step, Channel>();
  /** Those too that have been stopped and are not done. */
  const open = new Map<Channel, Step>();
  let connection: NatsConnection | undefined;

  const send = (subject: string, payload: Uint8Array | string, reply?: string) => {
    if (connection && !connection.isClosed())
      connection.publish(subject, payload, reply === undefined ? {} : { reply });
  };
  const answer = ({ reply }: Delivery, payload: Uint8Array) => send(reply, payload);
  const pull = (step: Step, company: string, batch: number) =>
    send(
      `$JS.API.CONSUMER.MSG.NEXT.${stream.name}.${consumerName(step, company, link.generation)}`,
      JSON.stringify({ batch, no_wait: true }),
      `${inbox}.${step}.${company}`,
    );
  const onMessage = (message: Msg) => {
    if (message.subject.startsWith(inbox)) {
      // Whatever the reason, the request brings no more.
      const [step, company] = message.subject.slice(inbox.length + 1).split(".") as [Step, string];
      for (const [channel, of] of open) if (of === step) channel.ended(company);
      return;
    }
    const [step, company, id] = message.subject.split(".").slice(-3) as [Step, string, string];
    const { attempt, left } = readReply(message.reply ?? "");
    lanes.get(step, company).waiting = left;
    const delivery = { reply: message.reply ?? "", attempt };
    const channel = channels.get(step) ?? [...open].find(([, of]) => of === step)?.[0];
    if (channel) channel.arrive({ id, company }, delivery, left);
    else answer(delivery, giveBackPayload(0));
  };
  const makeChannel = (step: Step, options: ConsumeOptions, handler: Handler): Channel => {
    const channel = createChannel({
      options,
      handler,
      answer,
      pull(company, count) {
        if (link.available) pull(step, company, count);
        else setImmediate(() => channel.ended(company));
      },
      publish: (item) => publish(step, item),
      async onSilence(company) {
        const lane = lanes.get(step, company);
        lane.consumer = false;
        if (await lanes.ensure(lane)) channel.wake(company);
      },
    });
    return channel;
  };
  const ticking = setInterval(() => {
    for (const channel of open.keys()) channel.expire();
  }, tickMs);
  const keepingAlive = setInterval(() => {
    if (link.available) for (const channel of open.keys()) channel.keepAlive();
  }, stream.ackWaitMs / 3);
  return {
    attach(opened: NatsConnection) {
      connection = opened;
      opened.subscribe(`${inbox}.>`, {
        callback: (error, message) => {
          if (!error) onMessage(message);
        },
      });
    },
    wake: (step: Step, company: string) => channels.get(step)?.wake(company),
    /** How many items of the company this node has in work that came from the server. */
    deliveries(): Map<string, number> {
      const counts = new Map<string, number>();
      for (const [channel, step] of open) {
        for (const [company, count] of channel.deliveries()) {
          const key = `${step} ${company}`;
          counts.set(key, (counts.get(key) ?? 0) + count);
        }
      }
      return counts;
    },
    working(step: Step): number {
      let sum = 0;
      for (const [channel, of] of open) if (of === step) sum += channel.working;
      return sum;
    },
    offer: (step: Step, items: QueueItem[]) => channels.get(step)?.offer(items) ?? items,
    room: (step: Step, ms: number) => channels.get(step)?.room(ms) ?? Promise.resolve(false),
    consume(step: Step, options: ConsumeOptions, handler: Handler): Consumer {
      if (channels.has(step)) throw new Error("this step has a consumer already");
      const channel = makeChannel(step, options, handler);
      channels.set(step, channel);
      open.set(channel, step);
      return {
        async stop() {
          if (channels.get(step) === channel) channels.delete(step);
          await channel.stop();
          open.delete(channel);
        },
      };
    },
    /** Requests under way are given up. */
    reset() {
      for (const channel of open.keys()) channel.reset();
    },
    /** Gives back what is in work. */
    close() {
      clearInterval(ticking);
      clearInterval(keepingAlive);
      for (const channel of open.keys()) channel.abandon();
      open.clear();
      channels.clear();
    },
  };
}

/**
 * Reads the subject for answers: `$JS.ACK.<stream>.<consumer>.<attempt>.<sequence>.<consumer's sequence>.<time>.<left>`;
 * newer servers put a domain and an account before the stream.
 */
function readReply(reply: string): { attempt: number; left: number } {
  const parts = reply.split(".");
  const from = parts.length > 9 ? 6 : 4;
  return { attempt: Number(parts[from]), left: Number(parts[from + 4]) };
}
