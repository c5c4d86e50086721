/** A mail as it was read: what the rest of the connector knows of it, whatever program wrote it. */

/** An address as it stands in a header. */
export interface MailAddress {
  readonly name: string | null;
  /** Lower case; never empty. */
  readonly address: string;
}

/** A file of a mail, with its content. */
export interface MailFile {
  /** Never empty, no path, 255 characters at most. */
  readonly name: string;
  readonly mediaType: string;
  readonly content: Uint8Array<ArrayBuffer>;
  /** Without angle brackets: `cid:` in the HTML refers to it. */
  readonly contentId: string | null;
  /** Shown within the HTML, or named as inline. */
  readonly inline: boolean;
}

/** Everything here can be stored as it is: no NUL, no lone surrogates, no control characters in names and subjects. */
export interface ParsedMail {
  /** Without angle brackets, or null where it is missing or empty. */
  readonly messageId: string | null;
  /** Ids in `In-Reply-To`, without angle brackets. */
  readonly inReplyTo: readonly string[];
  /** Ids in `References`, oldest first, without angle brackets; at most 200, the newest of them. */
  readonly references: readonly string[];
  readonly from: readonly MailAddress[];
  readonly replyTo: readonly MailAddress[];
  readonly to: readonly MailAddress[];
  readonly cc: readonly MailAddress[];
  /** Decoded, one line, 2,000 characters at most. Null where there is none. */
  readonly subject: string | null;
  /** The `Date` header, or null where it is missing, unreadable or outside 1970 to 2100. */
  readonly date: Date | null;
  /** Header lines by lower-case name, unfolded and decoded, in their order: the first 200 lines, 2,000 characters each. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** The whole body as text, quotes included; from the HTML where the mail has no text of its own. May be empty. */
  readonly text: string;
  /** Sanitised: no scripts, no remote content that loads by itself, no styles that reach outside. Null without HTML. */
  readonly html: string | null;
  readonly files: readonly MailFile[];
  /** Names and reasons of files that were left out by a limit. */
  readonly leftOut: readonly string[];
  /** The media type of the whole mail, lower case, with `report-type` as its own field. */
  readonly mediaType: string;
  readonly reportType: string | null;
  /** The text cannot be read because it is encrypted (S/MIME, PGP). */
  readonly encrypted: boolean;
}

/** Limits of reading one mail. */
export interface ReadLimits {
  /** The largest raw mail, in bytes. */
  readonly maxBytes: number;
  /** The most files kept. */
  readonly maxFiles: number;
  /** Milliseconds for one mail, after which its reader is ended. */
  readonly timeoutMs: number;
}

/** What became of the raw bytes. A mail that cannot be read has the reason, for people. */
export type ReadResult = { readonly mail: ParsedMail } | { readonly unreadable: string };
