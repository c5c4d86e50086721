/** Sends replies that a person has approved to the customers, each once as far as SMTP allows. */
import type { OutgoingReply } from "../../../plugins/contract/connector.ts";
import { ConnectorError, describeError } from "../../../plugins/contract/errors.ts";
import { type ComposedMail, composeReply } from "./compose.ts";
import { type DeliveryParts, removeDrafts } from "./drafts.ts";
import { findInSent } from "./folder-work.ts";
import type { Once } from "./once.ts";
import type { Smtp } from "./smtp.ts";
import { guessLanguage } from "./text.ts";

export interface SendParts extends DeliveryParts {
  readonly smtp: Smtp;
  /** One for the connector's whole life: see `createOnce`. */
  readonly once: Once;
  /** Whether a copy is put into Sent; `auto` leaves it to servers that do so themselves. */
  readonly saveSent: "auto" | "always" | "never";
}

/** Servers that put a copy of what comes by SMTP into Sent: Gmail, Microsoft 365 and Outlook.com. */
const savingHosts = /(?:^|\.)(?:gmail\.com|googlemail\.com|office365\.com|outlook\.com)$/i;

/**
 * Sends a reply in its thread, to all who belong to it. It goes out once: a repeated attempt in this process knows of the
 * first one, and in another process a copy in Sent tells of it. What remains is a process that ends between the server's
 * "accepted" and the copy in Sent, or a connection that breaks between the last byte and that answer: then the mail goes
 * out twice, with the same Message-ID, by which many servers and programs drop the second one.
 *
 * After the server has accepted the mail nothing fails any more: what goes wrong with the copy in Sent, or with removing
 * our drafts of this ticket, is logged.
 *
 * @throws ConnectorError
 */
export async function sendReply(parts: SendParts, reply: OutgoingReply, signal: AbortSignal): Promise<void> {
  const { sender, mailbox, once, smtp, log } = parts;
  const { ticket, message, text, externalId } = reply;
  const answer = { ticket, message, text, language: guessLanguage(text), key: `reply/${externalId}` };
  const mail = await composeReply(sender, answer, { reply: externalId, ticket: ticket.id }, parts.now());
  await once.run(mail.messageId, async () => {
    const found = await mailbox.use("looking for the reply in Sent", signal, (session) =>
      findInSent(session, mail.messageId),
    );
    if (found.length > 0) return;
    const to = [...mail.to, ...mail.cc];
    const { rejected } = await smtp.send({ from: mail.from, to }, mail.raw, signal);
    const refused = rejected.filter(({ address }) => mail.to.includes(address));
    if (refused.length === mail.to.length) {
      const reasons = refused.map(({ address, reason }) => `${address}: ${reason}`).join("; ");
      throw new ConnectorError(
        "permanent",
        `sending a mail: the server refused the requester's address and took only those in Cc (${reasons})`,
      );
    }
    if (rejected.length > 0)
      log.warn("some recipients of a reply were refused", { ticket: ticket.id, rejected });
  });
  await tidy("the copy in Sent", parts, ticket.id, () => saveSent(parts, mail, signal));
  await tidy("removing the ticket's drafts", parts, ticket.id, () =>
    removeDrafts(parts, { ticketId: ticket.id }, signal),
  );
}

/** The customer has the mail: a failure here must not lead to another one. */
async function tidy(
  what: string,
  { log }: SendParts,
  ticket: string,
  work: () => Promise<unknown>,
): Promise<void> {
  try {
    await work();
  } catch (error) {
    log.warn(`a reply was sent, but ${what} failed`, { ticket, error: describeError(error) });
  }
}

function saveSent(parts: SendParts, mail: ComposedMail, signal: AbortSignal): Promise<void> {
  return parts.mailbox.use("saving a copy in Sent", signal, async (session) => {
    const { client, folders } = session;
    const bySelf = client.capabilities.has("X-GM-EXT-1") || savingHosts.test(parts.smtp.host);
    if (parts.saveSent === "never" || (parts.saveSent === "auto" && bySelf)) return;
    if (folders.sent === null) {
      throw new ConnectorError(
        "config",
        "the mailbox has no Sent folder that the server names as such: set sentFolder to the folder's name, or saveSent to never",
      );
    }
    if ((await findInSent(session, mail.messageId)).length > 0) return;
    await client.append(folders.sent, mail.raw, ["\\Seen"]);
  });
}
