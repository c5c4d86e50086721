/** A delivery mailbox over the connector's own IMAP connections and folder names. */
import type { Log } from "../../../plugins/contract/connector.ts";
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import { connect, type ImapConnection, type ImapSettings } from "../imap/connection.ts";
import { findSpecial, listFolders, type MailFolder } from "../imap/folders.ts";
import { createDeliveryMailbox, type DeliveryFolders, type DeliveryMailbox } from "./mailbox.ts";

/** Names from the config, which come before what the server says. */
export interface FolderOverrides {
  readonly draftsFolder?: string | undefined;
  readonly sentFolder?: string | undefined;
}

export interface ImapMailboxOptions extends FolderOverrides {
  readonly settings: ImapSettings;
  readonly log: Log;
  /** See `DeliveryMailboxOptions`. */
  readonly idleMs?: number;
  readonly timeoutMs?: number;
}

export function createImapMailbox(options: ImapMailboxOptions): DeliveryMailbox {
  const { settings, log, idleMs, timeoutMs } = options;
  const connections = new WeakMap<ImapConnection["client"], ImapConnection>();
  return createDeliveryMailbox({
    log,
    ...(idleMs !== undefined && { idleMs }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    async connect(signal) {
      const connection = await connect(settings, signal);
      connections.set(connection.client, connection);
      return connection.client;
    },
    async findFolders(client) {
      const connection = connections.get(client);
      if (connection === undefined) throw new Error("not a connection of this mailbox");
      return deliveryFolders(await listFolders(connection), options);
    },
  });
}

/** @throws ConnectorError `config` where a folder that the config names is not there */
export function deliveryFolders(
  folders: readonly MailFolder[],
  { draftsFolder, sentFolder }: FolderOverrides,
): DeliveryFolders {
  const special = (use: Parameters<typeof findSpecial>[1]) => findSpecial(folders, use)?.path ?? null;
  return {
    drafts: draftsFolder === undefined ? special("\\Drafts") : named(folders, draftsFolder, "draftsFolder"),
    sent: sentFolder === undefined ? special("\\Sent") : named(folders, sentFolder, "sentFolder"),
    trash: special("\\Trash"),
  };
}

function named(folders: readonly MailFolder[], name: string, field: keyof FolderOverrides): string {
  const wanted = name.normalize("NFC");
  const found = folders.find(({ path, delimiter, selectable }) => {
    const normal = path.normalize("NFC");
    return selectable && (normal === wanted || (delimiter && normal.replaceAll(delimiter, "/") === wanted));
  });
  if (found) return found.path;
  const names = folders.filter(({ selectable }) => selectable).map(({ path }) => path);
  throw new ConnectorError(
    "config",
    `the mailbox has no folder "${name}": correct ${field}. It has: ${names.slice(0, 50).join(", ")}`,
  );
}
