/** Where reading of a mailbox stands: the last UID of every folder. */
import { z } from "zod";

const folderCursorSchema = z.strictObject({
  uidValidity: z.string().regex(/^\d+$/),
  /** The last UID that was read; new mails have higher ones. */
  uid: z.number().int().min(0),
  /** HIGHESTMODSEQ when all up to `uid` had been read: while it is the same, nothing has changed. */
  modseq: z.string().regex(/^\d+$/).optional(),
  /** While a folder is read anew: mails with a UID below `below` are left out where they are older than `since`. */
  resync: z.strictObject({ since: z.iso.datetime(), below: z.number().int() }).optional(),
});

export const imapCursorSchema = z.strictObject({
  version: z.literal(1),
  /** By the folder's path. Folders that are gone are kept, as they may come back. */
  folders: z.record(z.string(), folderCursorSchema),
});

export type FolderCursor = z.output<typeof folderCursorSchema>;
export type ImapCursor = z.output<typeof imapCursorSchema>;
