/** A mailbox as the connector works with it: its settings in the terms of the parts below, and what they share. */
import type { Context } from "../../plugins/contract/connector.ts";
import { addressesOf, type EmailConfig } from "./config.ts";
import type { DeliveryParts } from "./delivery/drafts.ts";
import { createImapMailbox } from "./delivery/imap-mailbox.ts";
import { createOnce, type Once } from "./delivery/once.ts";
import { ownAddresses } from "./delivery/recipients.ts";
import { createSmtp, type Smtp } from "./delivery/smtp.ts";
import { createSenderCap } from "./guard.ts";
import type { ImapSettings } from "./imap/connection.ts";
import type { KeyMaker } from "./imap/keyed-mails.ts";
import type { PullParts } from "./imap/pull.ts";
import type { MapSettings } from "./map.ts";
import { refreshToken } from "./oauth.ts";
import { keyOfHead, readMails } from "./read-mails.ts";
import { createMailReader, type MailReader } from "./reading/reader.ts";

export interface EmailClient {
  readonly ctx: Context<EmailConfig>;
  readonly imap: ImapSettings;
  readonly pull: PullParts;
  readonly reader: MailReader;
  readonly map: MapSettings;
  /** The keys of mails, remembered for as long as the connector is open. */
  readonly keys: KeyMaker;
  readonly delivery: DeliveryParts;
  /** Null where the config names none. */
  readonly smtp: Smtp | null;
  /** What was sent already, for as long as the connector is open. */
  readonly once: Once;
}

/** Milliseconds for reading one mail; ordinary ones take a few. */
const readTimeoutMs = 5_000;

const ports = {
  imap: { tls: 993, starttls: 143, none: 143 },
  smtp: { tls: 465, starttls: 587, none: 587 },
} as const;

/** The access token of the mailbox: see `Tokens` in the contract. */
function accessTokens({ config, tokens, fetch }: Context<EmailConfig>) {
  const { oauth } = config;
  if (!oauth) return null;
  return (refused?: string) =>
    tokens.accessToken({
      seed: oauth.refreshToken.reveal(),
      ...(refused !== undefined && { refused }),
      refresh: (last) => refreshToken(oauth, last, fetch),
    });
}

/** What tests alone change. */
export interface ClientTuning {
  /** Milliseconds of silence after which a mail server is given up. Default: each part's own. */
  readonly timeoutMs?: number;
  /** Instead of the config's, which has a lower bound. */
  readonly pollSeconds?: number;
}

function imapSettings(ctx: Context<EmailConfig>, { timeoutMs }: ClientTuning): ImapSettings {
  const { imap, user, password } = ctx.config;
  const accessToken = accessTokens(ctx);
  return {
    host: imap.host,
    port: imap.port ?? ports.imap[imap.security],
    security: imap.security,
    user,
    credentials: accessToken ? { accessToken } : { password: password?.reveal() ?? "" },
    ...(timeoutMs !== undefined && { timeoutMs }),
  };
}

function openSmtp(ctx: Context<EmailConfig>, { timeoutMs }: ClientTuning): Smtp | null {
  const { smtp, user, password } = ctx.config;
  if (!smtp) return null;
  const accessToken = smtp.password ? null : accessTokens(ctx);
  const secret = smtp.password ?? password;
  const as = smtp.user ?? user;
  return createSmtp({
    host: smtp.host,
    port: smtp.port ?? ports.smtp[smtp.security],
    security: smtp.security,
    auth: accessToken ? { user: as, accessToken } : { user: as, password: () => secret?.reveal() ?? "" },
    ...(timeoutMs !== undefined && { timeoutMs }),
  });
}

/** To list a mail is not to take it in: it does not count against its sender. */
function keyMaker(parts: Pick<EmailClient, "reader" | "map">): KeyMaker {
  const unmoved = { ...parts, map: { ...parts.map, cap: { exceeded: () => false } } };
  return {
    ofHead: (mail) => keyOfHead(unmoved, mail),
    ofWhole: async (mail) => (await readMails(unmoved, [mail]))[0]?.externalId ?? null,
    remembered: new Map(),
  };
}

/** Opens no connection: each part does so when it is first needed. */
export function openClient(ctx: Context<EmailConfig>, tuning: ClientTuning = {}): EmailClient {
  const { config, log } = ctx;
  const own = ownAddresses(addressesOf(config));
  const imap = imapSettings(ctx, tuning);
  const { folders: read, sentFolder, draftsFolder, maxBytes, maxFiles, pollSeconds, resyncDays } = config;
  const mailbox = createImapMailbox({
    settings: imap,
    log,
    draftsFolder,
    sentFolder,
    ...(tuning.timeoutMs !== undefined && { timeoutMs: tuning.timeoutMs }),
  });
  const { company, instance, companyName } = ctx;
  const sender = {
    company,
    instance,
    displayName: config.displayName ?? companyName,
    own,
    signature: config.signature ?? null,
    subjectCode: config.ticketCode,
    timeZone: config.timeZone ?? Intl.DateTimeFormat().resolvedOptions().timeZone,
  };
  const reader = createMailReader({ maxBytes, maxFiles, timeoutMs: readTimeoutMs });
  const map = { own, agents: config.agents, cap: createSenderCap(config.perSenderPerHour) };
  return {
    ctx,
    imap,
    pull: {
      settings: imap,
      folders: { read, sent: sentFolder },
      maxBytes,
      log,
      stubborn: new Map(),
      pollSeconds: tuning.pollSeconds ?? pollSeconds,
      resyncDays,
    },
    reader,
    map,
    keys: keyMaker({ reader, map }),
    delivery: { sender, mailbox, log, now: () => new Date() },
    smtp: openSmtp(ctx, tuning),
    once: createOnce(),
  };
}
