/** Help for the tests of reading: mails, parts, and pages collected until something is there. */
import { ConnectorError } from "../../../plugins/contract/errors.ts";
import type { RawMail, RawPage } from "../raw-mail.ts";
import type { ImapCursor } from "./cursor.ts";
import { type PullParts, pullPages } from "./pull.ts";

export function mail(subject: string, body = "Text"): string {
  return `From: Ann <ann@example.com>\r\nTo: shop@example.com\r\nSubject: ${subject}\r\n\r\n${body}\r\n`;
}

export function subjectOf({ raw, header }: RawMail): string {
  const text = Buffer.from(raw ?? header ?? []).toString("utf8");
  return /^Subject: (.*?)\r?$/m.exec(text)?.[1] ?? "";
}

export interface Pulling {
  readonly pages: Array<RawPage<ImapCursor>>;
  mails(): RawMail[];
  subjects(): string[];
  cursor(): ImapCursor;
  /** Waits until `ready` holds; fails with the pull's own error, or after 10 s. */
  until(ready: () => boolean): Promise<void>;
  /** Waits for the end, and answers with what was thrown. */
  ended: Promise<unknown>;
  /** Aborts, and waits for the end. */
  stop(): Promise<void>;
}

/**
 * Pulls in the background.
 *
 * @param onPage called before the next page is asked for
 */
export function startPulling(
  parts: PullParts,
  from: ImapCursor | null,
  onPage: (page: RawPage<ImapCursor>) => Promise<void> | void = () => undefined,
): Pulling {
  const abort = new AbortController();
  const pages: Array<RawPage<ImapCursor>> = [];
  let error: unknown;
  let over = false;
  const run = async () => {
    try {
      for await (const page of pullPages(parts, from, abort.signal)) {
        pages.push(page);
        await onPage(page);
      }
    } catch (thrown) {
      error = thrown;
    }
    over = true;
    return error;
  };
  const ended = run();
  return {
    pages,
    ended,
    mails: () => pages.flatMap(({ mails }) => mails),
    subjects: () => pages.flatMap(({ mails }) => mails).map(subjectOf),
    cursor() {
      const last = pages.at(-1);
      if (!last) throw new Error("no page yet");
      return last.cursor;
    },
    async until(ready) {
      for (
        const end = Date.now() + 10_000;
        !ready();
        await new Promise((resolve) => setTimeout(resolve, 5))
      ) {
        if (over) throw error ?? new Error("the pull ended");
        if (Date.now() > end) throw new Error(`not within 10 s; ${pages.length} pages came`);
      }
    },
    async stop() {
      abort.abort();
      const thrown = await ended;
      if (thrown) throw thrown;
    },
  };
}

/** Warnings land in `warnings`. */
export function testParts(
  settings: { host: string; port: number; user: string; password: string },
  changes: Partial<Omit<PullParts, "settings">> = {},
): PullParts & { warnings: string[] } {
  const warnings: string[] = [];
  const { password, ...rest } = settings;
  return {
    settings: { ...rest, security: "none", credentials: { password }, timeoutMs: 2_000 },
    folders: { read: ["INBOX"] },
    maxBytes: 1_000_000,
    pollSeconds: 1,
    resyncDays: 30,
    stubborn: new Map(),
    log: {
      debug: () => undefined,
      info: () => undefined,
      warn: (message) => void warnings.push(message),
      error: (message) => void warnings.push(message),
    },
    ...changes,
    warnings,
  };
}

export function kindIn(error: unknown): string {
  return error instanceof ConnectorError ? error.kind : `not a ConnectorError: ${error}`;
}
