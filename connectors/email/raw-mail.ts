/** A mail as its source keeps it: bytes, and where they lay. */

/** Whose mails a folder holds: those that come in, or those that agents sent. */
export type FolderRole = "inbox" | "sent";

export interface RawMail {
  /** The folder's path as IMAP or the file system names it. */
  readonly folder: string;
  readonly role: FolderRole;
  /** IMAP's UID, or a position (from 1) where mails come from files. */
  readonly uid: number;
  /** IMAP's UIDVALIDITY, or "0" where mails come from files. */
  readonly uidValidity: string;
  /** Bytes of the whole mail, as the source states them. */
  readonly size: number;
  /** When the server took the mail in; for files as good as it can be told. */
  readonly internalDate: Date;
  /** The whole mail, or null where it is larger than the limit or the source cannot read it. */
  readonly raw: Uint8Array | null;
  /** The header alone (its first 64 kB), where `raw` is null. */
  readonly header?: Uint8Array;
  /** Why the source could not give the mail, where that is the reason for `raw` being null. */
  readonly problem?: string;
}

/** Some mails in order, and what to read from after them. */
export interface RawPage<Cursor> {
  readonly mails: RawMail[];
  readonly cursor: Cursor;
}

/** The most mails of a page. */
export const maxPageMails = 50;
/** Bytes after which a page is full; a single larger mail is a page of its own. */
export const maxPageBytes = 8_000_000;
/** Bytes that are read of the header of a mail that is too large. */
export const maxHeaderBytes = 64_000;

/** The header lines of a mail, or of its beginning: all up to the first empty line, 64 kB at most. */
export function headerOf(mail: Uint8Array): Uint8Array {
  const bytes = Buffer.from(mail.buffer, mail.byteOffset, Math.min(mail.length, maxHeaderBytes));
  const ends = [bytes.indexOf("\r\n\r\n") + 2, bytes.indexOf("\n\n") + 1].filter((end) => end > 1);
  return new Uint8Array(bytes.subarray(0, ends.length > 0 ? Math.min(...ends) : bytes.length));
}
