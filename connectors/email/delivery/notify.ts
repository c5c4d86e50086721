/** Mails a draft to the agents, for teams that do not work in the mailbox itself. It cannot reach the customer by itself. */
import type { Delivered, OutgoingDraft } from "../../../plugins/contract/connector.ts";
import {
  buildMail,
  type ComposedMail,
  composeReply,
  markerLines,
  messageIdOf,
  quotedOriginal,
  requesterOf,
  threadOf,
} from "./compose.ts";
import { answerOf, markersOf } from "./drafts.ts";
import { findInSent, isAnswered } from "./folder-work.ts";
import { writersOf } from "./recipients.ts";
import type { SendParts } from "./send.ts";
import { readOrigin } from "./source-data.ts";
import { withoutAnswerMarks } from "./subject.ts";
import { bodyText, oneLine } from "./text.ts";

export interface NotifyParts extends SendParts {
  /** Where the agents read their mail. */
  readonly agentsAddress: string;
}

/** Longer links are cut off by some systems. */
const maxLink = 1_900;

/**
 * Sends the draft to the agents' address. Its Reply-To is that same address, on purpose: an agent's "Reply" or an
 * automatic answer then stays in the team, where it would otherwise carry labels and sources to the customer. To answer,
 * the agent opens the attached reply (thread, recipients and quote are in it), or the link in the text.
 *
 * Sent once in a process; after a restart in the moment between the server's "accepted" and the core's note of it, it may
 * come a second time, with the same Message-ID.
 *
 * @returns as `externalId` the notice's Message-ID
 * @throws ConnectorError
 */
export async function notifyAgents(
  parts: NotifyParts,
  draft: OutgoingDraft,
  signal: AbortSignal,
): Promise<Delivered> {
  const { sender, mailbox, once, smtp, now, agentsAddress } = parts;
  const origin = readOrigin(draft.message.sourceData);
  const { inReplyTo } = threadOf(origin);
  const people = writersOf(origin, requesterOf(draft.ticket), sender.own);
  const reply = await composeReply(sender, answerOf(draft), markersOf(draft), now(), { "X-Unsent": "1" });
  const messageId = messageIdOf(sender, `notice/${draft.idempotencyKey}`, reply.from);
  const before = await mailbox.use("looking into Sent", signal, async (session) => ({
    answered: inReplyTo !== null && (await isAnswered(session, inReplyTo, people)),
    // Servers that keep a copy of all that is sent.
    known: (await findInSent(session, messageId)).length > 0,
  }));
  if (before.known) return { externalId: messageId, created: false };
  if (before.answered) return { skipped: "answered" };
  const created = await once.run(messageId, async () => {
    const raw = await composeNotice(parts, draft, reply, messageId);
    await smtp.send({ from: reply.from, to: [agentsAddress] }, raw, signal);
  });
  return { externalId: messageId, created };
}

async function composeNotice(
  { sender, agentsAddress, now }: NotifyParts,
  draft: OutgoingDraft,
  reply: ComposedMail,
  messageId: string,
): Promise<Buffer> {
  const origin = readOrigin(draft.message.sourceData);
  const subject = withoutAnswerMarks(oneLine(origin?.subject ?? draft.ticket.subject ?? "")).slice(0, 400);
  return buildMail({
    from: { name: sender.displayName, address: reply.from },
    to: [{ name: null, address: agentsAddress }],
    cc: [],
    replyTo: agentsAddress,
    subject: `Draft for: ${subject || "(no subject)"}`.toWellFormed(),
    text: noticeText(draft, reply, quotedOriginal(sender, answerOf(draft), origin)),
    messageId,
    date: now(),
    // A thread of its own: in the customer's, a "Reply all" would be one click away.
    thread: { inReplyTo: null, references: [] },
    headers: {
      ...markerLines({ notice: draft.idempotencyKey, id: draft.id, ticket: draft.ticket.id }),
      "Auto-Submitted": "auto-generated",
      "X-Auto-Response-Suppress": "All",
    },
    attachedMail: { name: "reply.eml", raw: reply.raw },
  });
}

function noticeText(draft: OutgoingDraft, reply: ComposedMail, original: string): string {
  const { labels, sources, ticket } = draft;
  const percent = ({ value, confidence }: { value: string; confidence: number }) =>
    `${oneLine(value)} (${Math.round(confidence * 100)} %)`;
  return [
    bodyText(draft.text),
    "----------",
    `A draft for ${reply.to.join(", ")}. Nothing has been sent to them. To answer, open the attached ` +
      `reply.eml and send it, or use this link: <${mailtoOf(reply, bodyText(draft.text))}>\n` +
      "An answer to this mail itself stays in the team.",
    [
      `Ticket: #${ticket.code}`,
      labels && `Type: ${percent(labels.type)}`,
      labels && `Priority: ${percent(labels.priority)}`,
      labels && `Department: ${percent(labels.department)}`,
      `Written by: ${oneLine(draft.writtenBy)}`,
      ...(draft.notes ?? []).map((note) => `Note: ${oneLine(note)}`),
      ...sources.map(({ title, path, url }) => `Source: ${oneLine(title)} (${oneLine(url ?? path)})`),
    ]
      .filter(Boolean)
      .join("\n"),
    `${original}\n`,
  ].join("\n\n");
}

/** A link that opens a new mail to the customer, in the thread where the program takes that (RFC 6068). */
function mailtoOf({ to, cc, subject, raw }: ComposedMail, text: string): string {
  const parent = /^In-Reply-To: (<[^>\r\n]+>)/im.exec(raw.toString("latin1", 0, 20_000))?.[1];
  const address = (value: string) => encodeURIComponent(value).replaceAll("%40", "@");
  const fields = [
    cc.length > 0 ? `cc=${cc.map(address).join(",")}` : "",
    `subject=${encodeURIComponent(subject)}`,
    parent === undefined ? "" : `in-reply-to=${encodeURIComponent(parent)}`,
  ].filter(Boolean);
  const link = `mailto:${to.map(address).join(",")}?${fields.join("&")}`;
  const withText = `${link}&body=${encodeURIComponent(text.replaceAll("\n", "\r\n"))}`;
  return withText.length <= maxLink ? withText : link;
}
