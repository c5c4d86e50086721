/** Raw mails to events; one that cannot be read is rejected with its reason, and the others go on. */
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { bytesOf, type MapSettings, toEvents, unreadableKey } from "./map.ts";
import type { RawMail } from "./raw-mail.ts";
import type { MailReader } from "./reading/reader.ts";

export interface ReadMailsParts {
  readonly reader: MailReader;
  readonly map: MapSettings;
}

function rejected(mail: RawMail, reason: string): ConnectorEventInput {
  const raw = bytesOf(mail);
  const place = `${mail.folder}/${mail.uidValidity}/${mail.uid}`;
  return {
    kind: "rejected",
    externalId: raw.length > 0 ? unreadableKey(raw) : `unreadable/${place}`.slice(0, 512),
    reason: `${place}: ${reason}`.slice(0, 2_000),
    ...(mail.raw !== null && { raw }),
  };
}

/** The events of mails, in their order. */
export async function readMails(
  { reader, map }: ReadMailsParts,
  mails: readonly RawMail[],
): Promise<ConnectorEventInput[]> {
  const events: ConnectorEventInput[] = [];
  for (const mail of mails) {
    const bytes = bytesOf(mail);
    if (mail.problem !== undefined || bytes.length === 0) {
      events.push(rejected(mail, mail.problem ?? "the mail is empty"));
      continue;
    }
    const result = await reader.read(bytes);
    if ("unreadable" in result) events.push(rejected(mail, result.unreadable));
    else events.push(...toEvents(result.mail, mail, map));
  }
  return events;
}
