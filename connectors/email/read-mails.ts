/** Raw mails to events; one that cannot be read is rejected with its reason, and the others go on. */
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { bytesOf, identify, type MapSettings, toEvents, unreadableKey } from "./map.ts";
import { headerOf, type RawMail } from "./raw-mail.ts";
import type { MailReader } from "./reading/reader.ts";

export interface ReadMailsParts {
  readonly reader: MailReader;
  readonly map: MapSettings;
}

/**
 * A mail that cannot be read keeps the key that its header gives: under this one it is listed too. What has no such header
 * is named by its bytes, and what the server does not give at all by its place.
 */
async function rejected(
  { reader, map }: ReadMailsParts,
  mail: RawMail,
  reason: string,
): Promise<ConnectorEventInput> {
  const raw = bytesOf(mail);
  const place = `${mail.folder}/${mail.uidValidity}/${mail.uid}`;
  const byBytes = raw.length > 0 ? unreadableKey(raw) : `unreadable/${place}`.slice(0, 512);
  return {
    kind: "rejected",
    externalId: (await keyOfHead({ reader, map }, { ...mail, raw: headerOf(raw) })) ?? byBytes,
    reason: `${place}: ${reason}`.slice(0, 2_000),
    ...(mail.raw !== null && { raw }),
  };
}

/**
 * The key of a mail of which only the header is at hand: null where it has none since no event comes of it, undefined where
 * the whole mail has to be read for it.
 */
export async function keyOfHead(
  { reader, map }: ReadMailsParts,
  head: RawMail,
): Promise<string | null | undefined> {
  const bytes = bytesOf(head);
  if (bytes.length === 0) return undefined;
  const result = await reader.read(bytes);
  // Without an id the key is made of the body too.
  if ("unreadable" in result || result.mail.messageId === null) return undefined;
  return identify(result.mail, head, map)?.externalId ?? null;
}

/** The events of mails, in their order. */
export async function readMails(
  parts: ReadMailsParts,
  mails: readonly RawMail[],
): Promise<ConnectorEventInput[]> {
  const { reader, map } = parts;
  const events: ConnectorEventInput[] = [];
  for (const mail of mails) {
    const bytes = bytesOf(mail);
    if (mail.problem !== undefined || bytes.length === 0) {
      events.push(await rejected(parts, mail, mail.problem ?? "the mail is empty"));
      continue;
    }
    const result = await reader.read(bytes);
    if ("unreadable" in result) events.push(await rejected(parts, mail, result.unreadable));
    else events.push(...toEvents(result.mail, mail, map));
  }
  return events;
}
