/** What stands in the headers of a folder's mails, kept in memory and brought up to date by asking for the new ones only. */
import type { ImapFlow } from "imapflow";
import { markerHeaders } from "./compose.ts";

/** A mail with one UID never changes: only those that are new have to be read. */
export interface IndexedMail {
  readonly uid: number;
  readonly messageId: string | null;
  /** The ids that it answers: `In-Reply-To`, and the last of `References` where that is missing. */
  readonly answers: readonly string[];
  /** `To`, `Cc` and `Bcc` as they stand there, in lower case; empty where nobody is named. */
  readonly recipients: string;
  /** The connector's own markers, null where they are missing. */
  readonly draft: string | null;
  readonly ticket: string | null;
  readonly hash: string | null;
  readonly reply: string | null;
  /** The core's id of the message that a draft of ours answers: ids sort by when messages came. */
  readonly answered: string | null;
}

export interface HeaderIndex {
  readonly uidValidity: bigint | null;
  /** By UID, ascending; without those that are marked as deleted. */
  readonly mails: ReadonlyMap<number, IndexedMail>;
  /** Whether another folder state than the one read last is to be expected. */
  isCurrent(state: { uidValidity?: bigint | undefined; uidNext?: number | undefined }): boolean;
  /** Reads what is new in the folder that is selected in `client`, and forgets what has gone. */
  sync(client: ImapFlow): Promise<void>;
}

/** @param maxMails only the newest of them are looked at, so that a huge folder does not fill the memory */
export function createHeaderIndex(maxMails: number): HeaderIndex {
  let uidValidity: bigint | null = null;
  let uidNext: number | null = null;
  let mails = new Map<number, IndexedMail>();

  return {
    get uidValidity() {
      return uidValidity;
    },
    get mails() {
      return mails;
    },
    isCurrent: (state) => uidNext !== null && state.uidValidity === uidValidity && state.uidNext === uidNext,
    async sync(client) {
      const { mailbox } = client;
      if (mailbox === false) throw new Error("no folder is selected");
      if (uidValidity !== mailbox.uidValidity) {
        mails = new Map();
        uidValidity = mailbox.uidValidity;
      }
      const uids = (await undeleted(client)).slice(-maxMails);
      const missing = uids.filter((uid) => !mails.has(uid));
      const found = await readHeaders(client, missing);
      mails = new Map(
        uids.flatMap((uid) => {
          const mail = mails.get(uid) ?? found.get(uid);
          return mail === undefined ? [] : [[uid, mail]];
        }),
      );
      uidNext = Math.max(mailbox.uidNext, (uids.at(-1) ?? 0) + 1);
    },
  };
}

/**
 * Whether a mail that a person wrote answers one of these to one of these people. Some programs name the mail that is
 * forwarded to a colleague just as they name one that is answered.
 *
 * @param people addresses in their canonical form; none means that whoever it is for counts
 */
export function isAnswerTo(mail: IndexedMail, ids: ReadonlySet<string>, people: readonly string[]): boolean {
  if (!mail.answers.some((id) => ids.has(id))) return false;
  return (
    mail.recipients === "" ||
    people.length === 0 ||
    people.some((address) => mail.recipients.includes(address))
  );
}

/** UIDs in ascending order. Drafts marked as deleted are none any more, though some programs leave them where they are. */
async function undeleted(client: ImapFlow): Promise<number[]> {
  const result = await client.search({ deleted: false }, { uid: true, returnOptions: ["ALL"] });
  if (!result) throw new Error("the mail server refused to search the folder");
  const uids = Array.isArray(result) ? result : expandRanges(result.all ?? "");
  return uids.sort((a, b) => a - b);
}

/** "1,5:7" as [1, 5, 6, 7]. */
export function expandRanges(set: string): number[] {
  return set.split(",").flatMap((range) => {
    const [from = Number.NaN, to = from] = range.split(":").map(Number);
    const first = Math.min(from, to);
    const count = Math.abs(to - from) + 1;
    return first > 0 && count <= 1_000_000 ? Array.from({ length: count }, (_, i) => first + i) : [];
  });
}

/** [1, 5, 6, 7] as "1,5:7". */
export function toRanges(uids: readonly number[]): string {
  const ranges: string[] = [];
  let first = 0;
  uids.forEach((uid, i) => {
    if (i === 0 || uid !== (uids[i - 1] ?? 0) + 1) first = uid;
    if (uids[i + 1] !== uid + 1) ranges.push(first === uid ? `${uid}` : `${first}:${uid}`);
  });
  return ranges.join(",");
}

const wantedHeaders = [
  ...["message-id", "in-reply-to", "references", "to", "cc", "bcc"],
  ...Object.values(markerHeaders),
];
/** The most that is kept of a mail's recipients, in characters. */
const maxRecipients = 2_000;
/** Ranges in one command: servers limit the length of a line. */
const batchSize = 500;

async function readHeaders(client: ImapFlow, uids: readonly number[]): Promise<Map<number, IndexedMail>> {
  const found = new Map<number, IndexedMail>();
  for (let i = 0; i < uids.length; i += batchSize) {
    const range = toRanges(uids.slice(i, i + batchSize));
    for await (const { uid, headers } of client.fetch(
      range,
      { uid: true, headers: wantedHeaders },
      { uid: true },
    )) {
      found.set(uid, readMail(uid, headers ?? Buffer.alloc(0)));
    }
  }
  return found;
}

function readMail(uid: number, headers: Buffer): IndexedMail {
  const values = new Map<string, string>();
  const lines = headers
    .toString("latin1")
    .replace(/\r?\n[ \t]+/g, " ")
    .split(/\r?\n/);
  for (const line of lines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, Math.max(colon, 0)).toLowerCase();
    if (colon > 0 && !values.has(name)) values.set(name, line.slice(colon + 1).trim());
  }
  const marker = (name: keyof typeof markerHeaders) => values.get(markerHeaders[name].toLowerCase()) || null;
  const parents = ids(values.get("in-reply-to"));
  return {
    uid,
    messageId: ids(values.get("message-id"))[0] ?? null,
    answers: parents.length > 0 ? parents : ids(values.get("references")).slice(-1),
    recipients: ["to", "cc", "bcc"]
      .map((name) => values.get(name) ?? "")
      .join(" ")
      .trim()
      .toLowerCase()
      .slice(0, maxRecipients),
    draft: marker("draft"),
    ticket: marker("ticket"),
    hash: marker("hash"),
    reply: marker("reply"),
    answered: marker("answers"),
  };
}

function ids(value: string | undefined): string[] {
  return [...(value ?? "").slice(0, 20_000).matchAll(/<([^<>\s]{1,512})>/g)].map(([, id]) => id ?? "");
}
