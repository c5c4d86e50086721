/** The folders of a mailbox: which to read, and which one is for drafts or for sent mails, whatever its name. */
import type { ListResponse } from "imapflow";
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import type { FolderRole } from "../raw-mail.ts";
import type { ImapConnection } from "./connection.ts";

export interface MailFolder {
  readonly path: string;
  readonly delimiter: string;
  /** Such as `\Sent`, or undefined. */
  readonly specialUse: string | undefined;
  /** Whether it can hold mails. */
  readonly selectable: boolean;
}

/** A folder to read, and whose mails lie there. */
export interface ReadFolder {
  readonly path: string;
  readonly role: FolderRole;
}

/** What the config says of the folders to read. */
export interface FolderChoice {
  /** Paths ("/" works as the delimiter everywhere), or "*" for all but drafts, sent, trash, junk and copies of all. */
  readonly read: readonly string[];
  /** The folder of sent mails: found by itself where undefined; null reads none. */
  readonly sent?: string | null | undefined;
}

export type SpecialUse = "\\Drafts" | "\\Sent" | "\\Junk" | "\\Trash";

/** Names in use where a server does not say what a folder is for. */
const wellKnown: Readonly<Record<SpecialUse, readonly string[]>> = {
  "\\Drafts": ["drafts", "draft", "entwürfe", "entwurf", "черновики"],
  "\\Sent": [
    "sent",
    "sent items",
    "sent mail",
    "sent messages",
    "gesendet",
    "gesendete objekte",
    "gesendete elemente",
    "отправленные",
  ],
  "\\Junk": ["junk", "spam", "junk e-mail", "junk-e-mail", "bulk mail", "спам", "нежелательная почта"],
  "\\Trash": [
    "trash",
    "deleted items",
    "deleted messages",
    "papierkorb",
    "gelöschte elemente",
    "корзина",
    "удаленные",
  ],
};

const leftOut = new Set(["\\Drafts", "\\Sent", "\\Junk", "\\Trash", "\\All", "\\Flagged", "\\Important"]);

/** All folders of the mailbox. */
export async function listFolders(connection: ImapConnection): Promise<MailFolder[]> {
  const list = await connection.run("could not list the folders", (client) =>
    client.list({ listOnly: true }),
  );
  if (list.length === 0) {
    throw new ConnectorError(
      "transient",
      "could not list the folders: the server named none, not even INBOX",
    );
  }
  return list.map(toFolder);
}

function toFolder({ path, delimiter, specialUse, specialUseSource, flags }: ListResponse): MailFolder {
  return {
    path,
    delimiter,
    // imapflow guesses by names in many languages; what the server itself says comes first, and our own names after it.
    specialUse: specialUseSource === "name" ? undefined : specialUse,
    selectable: ![...flags].some((flag) => /^\\(noselect|nonexistent)$/i.test(flag)),
  };
}

/** The folder for a special use: as the server says, else by a name in English, German or Russian. */
export function findSpecial(folders: readonly MailFolder[], use: SpecialUse): MailFolder | undefined {
  const selectable = folders.filter((folder) => folder.selectable);
  const said = selectable.find((folder) => folder.specialUse === use);
  if (said) return said;
  // The best known name wins, and the one that lies highest.
  const byDepth = selectable.toSorted((a, b) => depth(a) - depth(b));
  for (const name of wellKnown[use]) {
    const found = byDepth.find((folder) => folder.specialUse === undefined && lastName(folder) === name);
    if (found) return found;
  }
  return undefined;
}

/**
 * The folders to read, in the order of the config, those of sent mails last.
 *
 * @param known paths that were read before: they may be missing now, then they are left out
 * @throws ConnectorError of kind `config` where a folder is missing, with the names of those that are there.
 */
export function resolveFolders(
  folders: readonly MailFolder[],
  { read, sent }: FolderChoice,
  known: (path: string) => boolean = () => false,
): { folders: ReadFolder[]; missing: string[] } {
  const missing: string[] = [];
  const pick = (name: string): string[] => {
    const found = findByName(folders, name);
    if (found) return [found.path];
    if (!known(name)) throw missingFolder(name, folders);
    missing.push(name);
    return [];
  };
  const sentPath =
    sent === undefined ? findSpecial(folders, "\\Sent")?.path : sent === null ? undefined : pick(sent)[0];
  const paths = read.flatMap((name) => (name === "*" ? allToRead(folders) : pick(name)));
  const inbox = [...new Set(paths)].filter((path) => path !== sentPath);
  return {
    folders: [
      ...inbox.map((path) => ({ path, role: "inbox" as const })),
      ...(sentPath === undefined ? [] : [{ path: sentPath, role: "sent" as const }]),
    ],
    missing,
  };
}

/** Every folder that may hold customers' mails, INBOX first. */
function allToRead(folders: readonly MailFolder[]): string[] {
  const special = new Set(
    (["\\Drafts", "\\Sent", "\\Junk", "\\Trash"] as const).map((use) => findSpecial(folders, use)?.path),
  );
  return folders
    .filter(
      ({ path, selectable, specialUse }) =>
        selectable && !special.has(path) && !leftOut.has(specialUse ?? ""),
    )
    .map(({ path }) => path)
    .sort((a, b) => Number(b === "INBOX") - Number(a === "INBOX"));
}

function findByName(folders: readonly MailFolder[], name: string): MailFolder | undefined {
  const wanted = name.normalize("NFC");
  const selectable = folders.filter((folder) => folder.selectable);
  return (
    selectable.find(({ path }) => path.normalize("NFC") === wanted) ??
    selectable.find(({ path, delimiter }) => path.normalize("NFC").replaceAll(delimiter, "/") === wanted) ??
    (/^inbox$/i.test(wanted) ? selectable.find(({ path }) => path.toUpperCase() === "INBOX") : undefined)
  );
}

function missingFolder(name: string, folders: readonly MailFolder[]): ConnectorError {
  const names = folders.filter(({ selectable }) => selectable).map(({ path }) => path);
  const more = names.length > 50 ? ` and ${names.length - 50} more` : "";
  return new ConnectorError(
    "config",
    `The mailbox has no folder "${name}". It has: ${names.slice(0, 50).join(", ")}${more}. Correct the name in \`folders\`.`,
  );
}

function depth({ path, delimiter }: MailFolder): number {
  return delimiter ? path.split(delimiter).length : 1;
}

function lastName({ path, delimiter }: MailFolder): string {
  const name = delimiter ? path.slice(path.lastIndexOf(delimiter) + 1) : path;
  return name.normalize("NFC").toLowerCase();
}
