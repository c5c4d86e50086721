/** What becomes of a ticket on its day: customers who write on, agents who wait, hurry, edit, ignore, close and correct. */
import { setTimeout as sleep } from "node:timers/promises";
import type { DayDesk } from "./desk.ts";
import type { DayHubs } from "./hubs.ts";
import { draftText } from "./llm.ts";
import { type Chance, createChance } from "./random.ts";

export const manners = ["as drafted", "edited", "own words", "answers first", "closes", "nobody"] as const;
export type Manner = (typeof manners)[number];

/** How many tickets of a hundred go which way. */
const shares: Record<Manner, number> = {
  "as drafted": 35,
  edited: 20,
  "own words": 10,
  "answers first": 15,
  closes: 10,
  nobody: 10,
};

/** A reply, and what should be found of it in the history. */
export interface Expected {
  replyId: string;
  /** The message whose draft it came from; null where the agent had none. */
  key: string | null;
  kind: "sent-unchanged" | "edited" | "not-used" | null;
}

/** What people did on this day. */
export interface Day {
  tickets: Set<string>;
  /** Customers' messages: by key, the connector's id. */
  messages: Map<string, string>;
  replies: Expected[];
  /** Priorities that agents chose. */
  corrections: number;
  manners: Record<Manner, number>;
  lostWebhooks: number;
}

/** Longer than any fault and restart take, in milliseconds. */
const noteWithinMs = 90_000;
const priorities = ["low", "normal", "high", "urgent"];

export interface Parts {
  desk: DayDesk;
  hubs: DayHubs;
  day: Day;
}

let keys = 0;

function mannerOf(chance: Chance): Manner {
  let rest = chance.next() * 100;
  for (const manner of manners) {
    rest -= shares[manner];
    if (rest < 0) return manner;
  }
  return "nobody";
}

/** Tells the hub, as well as a helpdesk can: some webhooks are lost, some come late or twice, and a refusal is tried again. */
async function tell({ desk, hubs, day }: Parts, ticketId: string, chance: Chance): Promise<void> {
  if (chance.in(0.1)) {
    day.lostWebhooks++;
    return;
  }
  if (chance.in(0.2)) await sleep(chance.between(0, 2_000));
  const again = chance.in(0.1);
  for (let attempt = 0; attempt < 4; attempt++) {
    const { body, headers } = desk.webhook(ticketId);
    const status = await hubs.post(body, headers);
    if (status === 202) {
      if (again) await hubs.post(body, headers);
      return;
    }
    await sleep(500 * 2 ** attempt);
  }
}

interface Talk {
  parts: Parts;
  chance: Chance;
  ticketId: string;
  /** Of the newest message. */
  key: string;
  webhooks: Promise<void>[];
}

function write(parts: Parts, chance: Chance, talk?: Talk): Talk {
  const key = `M${String(++keys).padStart(4, "0")}`;
  const { ticketId, id } = parts.desk.customerWrites({
    text: `Hello, where is my parcel? It should have come on Monday. My number is ${key}.`,
    subject: `Parcel ${key}`,
    ...(talk && { ticketId: talk.ticketId }),
  });
  parts.day.messages.set(key, id);
  parts.day.tickets.add(ticketId);
  const now = talk ?? { parts, chance, ticketId, key, webhooks: [] };
  now.key = key;
  now.webhooks.push(tell(parts, ticketId, chance));
  return now;
}

function reply(
  { parts, chance, ticketId, webhooks }: Talk,
  text: string,
  expected: Omit<Expected, "replyId">,
) {
  const replyId = parts.desk.agentReplies(ticketId, text);
  parts.day.replies.push({ replyId, ...expected });
  webhooks.push(tell(parts, ticketId, chance));
}

const noteOf = ({ parts, ticketId, key }: Talk) =>
  parts.desk.happened(ticketId).some(({ kind, text }) => kind === "note" && text.includes(key));

/** What is known of a message that has no note, from both sides. */
async function describeMissing({ parts, ticketId, key }: Talk): Promise<string> {
  const rows = await parts.hubs.query(
    `SELECT m.sender, m.external_id, left(m.text, 80) AS text, p.stage, p.outcome, p.reason, p.error, p.attempts, p.due_at
     FROM tickets t JOIN messages m ON m.ticket_id = t.id LEFT JOIN progress p ON p.message_id = m.id
     WHERE t.thread_id = '${ticketId}' ORDER BY m.id`,
  );
  const happened = parts.desk.happened(ticketId);
  return `there is no note for ${key} in ticket ${ticketId} after ${noteWithinMs} ms: ${JSON.stringify({ happened, rows }, null, 1)}`;
}

async function untilNoted(talk: Talk): Promise<void> {
  for (const end = performance.now() + noteWithinMs; !noteOf(talk); await sleep(50)) {
    if (performance.now() > end) throw new Error(await describeMissing(talk));
  }
  await sleep(talk.chance.between(50, 400));
}

/** An agent who reads the note and answers. */
async function answerWithNote(talk: Talk, manner: "as drafted" | "edited" | "own words"): Promise<void> {
  await untilNoted(talk);
  const { key } = talk;
  const drafted = draftText(key);
  if (manner === "as drafted") reply(talk, drafted, { key, kind: "sent-unchanged" });
  if (manner === "edited") {
    const edited = drafted.replace("Thursday", "Friday, before noon").replace("Kind regards", "Best, Kim");
    reply(talk, edited, { key, kind: "edited" });
  }
  if (manner === "own words") reply(talk, "0000 1111 2222 3333 4444 5555!", { key, kind: "not-used" });
}

function choosePriority({ parts: { desk, day }, ticketId, chance, webhooks, parts }: Talk): void {
  desk.agentChooses(ticketId, priorities[chance.between(0, priorities.length)] ?? "low");
  day.corrections++;
  webhooks.push(tell(parts, ticketId, chance));
}

const ways: Record<Manner, (talk: Talk) => Promise<void>> = {
  "as drafted": (talk) => answerWithNote(talk, "as drafted"),
  edited: (talk) => answerWithNote(talk, "edited"),
  "own words": (talk) => answerWithNote(talk, "own words"),
  async "answers first"(talk) {
    await sleep(talk.chance.between(0, 50));
    // Whether a note had been written already decides whose words these count as; none of them are the draft's.
    reply(talk, "9999 8888 7777 6666 5555 4444!", { key: null, kind: null });
  },
  async closes(talk) {
    await sleep(talk.chance.between(0, 100));
    talk.parts.desk.agentCloses(talk.ticketId);
    talk.webhooks.push(tell(talk.parts, talk.ticketId, talk.chance));
    await sleep(talk.chance.between(500, 3_000));
    write(talk.parts, talk.chance, talk);
    await answerWithNote(talk, "as drafted");
  },
  nobody: (talk) => untilNoted(talk),
};

/** One ticket, from the first message to the last answer. */
export async function liveTicket(parts: Parts, seed: number): Promise<void> {
  const chance = createChance(seed);
  const manner = mannerOf(chance);
  parts.day.manners[manner]++;
  const talk = write(parts, chance);
  if (chance.in(0.15)) choosePriority(talk);
  if (chance.in(0.15)) {
    // A second message before anybody could answer the first.
    await sleep(chance.between(20, 1_500));
    write(parts, chance, talk);
  }
  await ways[manner](talk);
  if (manner !== "nobody" && chance.in(0.25)) {
    await sleep(chance.between(100, 1_000));
    write(parts, chance, talk);
    await answerWithNote(talk, "as drafted");
  }
  if (chance.in(0.15)) choosePriority(talk);
  await Promise.all(talk.webhooks);
}
