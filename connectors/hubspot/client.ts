/** A HubSpot account as the connector works with it: its API, and what is remembered for as long as the connector is open. */
import type { Context } from "../../plugins/contract/connector.ts";
import { type Api, createApi } from "../../plugins/toolkit/api-client.ts";
import { type Field, fieldsOf, type HubspotConfig } from "./config.ts";
import { refreshToken } from "./oauth.ts";
import { createVendor, type Vendor } from "./vendor.ts";

/** What HubSpot's clock shows is whole seconds: the time may be later by so many milliseconds. */
export const dateStepMs = 1_000;
/** What is remembered of actors and messages: at most so many. */
const mostKnown = 20_000;
/** How long the stages of the pipelines are taken to stay as they are, in milliseconds. */
const stagesMs = 10 * 60_000;

/** What tests alone change. */
export interface ClientTuning {
  /** Instead of `pollSeconds`, in milliseconds. */
  readonly pollMs?: number;
  /** Instead of `overlapSeconds`, in milliseconds. */
  readonly overlapMs?: number;
  /** How old a ticket must be before its own text counts as its message, in milliseconds. */
  readonly settleMs?: number;
  /** How long a ticket must have failed before it is set aside, in milliseconds. */
  readonly oddMs?: number;
  /** How long a webhook may be worked on, in milliseconds. */
  readonly pushMs?: number;
  /** Items of one search. */
  readonly searchPage?: number;
}

export interface HubspotClient {
  readonly ctx: Context<HubspotConfig>;
  readonly api: Api;
  readonly vendor: Vendor;
  readonly fields: readonly Field[];
  readonly tuning: ClientTuning;
  /** Aborts when the connector is closed. */
  readonly closing: AbortSignal;
  /** The access token that holds now. */
  accessToken(): Promise<string>;
  /** The newest time that HubSpot's own clock was seen to show, in milliseconds; null before its first answer. */
  serverTime(): number | null;
  /** The externalIds of messages that are stored for certain: their files need not be loaded again. */
  readonly stored: Remembered<true>;
  /** Tickets that were read since the look-back began, with the time of the change that they were read after. */
  readonly handled: Map<string, number>;
  /** Names and addresses of those who write. */
  readonly actors: Remembered<{ name?: string; email?: string }>;
  /** How often a file could not be loaded. */
  readonly stubborn: Remembered<number>;
  /** Tickets that could not be read: how often, and `conversations.read` and the time in milliseconds when that began. */
  readonly odd: Remembered<{ tries: number; read: number; since: number }>;
  /** How many conversations were read. */
  readonly conversations: { read: number };
  /** Our app's id as HubSpot writes it down with all that we write; null before the first note. */
  readonly own: { appId: string | null };
  /** The ids of the stages in which a ticket is closed. */
  closedStages(signal: AbortSignal): Promise<ReadonlySet<string>>;
}

/** A map that forgets what it has had for longest. */
export interface Remembered<T> {
  get(key: string): T | undefined;
  set(key: string, value: T): void;
}

function createRemembered<T>(most = mostKnown): Remembered<T> {
  const kept = new Map<string, T>();
  return {
    get: (key) => kept.get(key),
    set(key, value) {
      kept.delete(key);
      kept.set(key, value);
      const oldest = kept.size > most ? kept.keys().next().value : undefined;
      if (oldest !== undefined) kept.delete(oldest);
    },
  };
}

function createAccessToken({ config, tokens, fetch }: Context<HubspotConfig>) {
  const { accessToken, oauth, url } = config;
  return async (refused?: string): Promise<string> => {
    if (!oauth) return accessToken?.reveal() ?? "";
    return tokens.accessToken({
      seed: oauth.refreshToken.reveal(),
      ...(refused !== undefined && { refused }),
      refresh: (last) => refreshToken(url, oauth, last, fetch),
    });
  };
}

function createStages({ config }: Context<HubspotConfig>, vendor: Vendor) {
  let known: { ids: ReadonlySet<string>; until: number } | null = null;
  return async (signal: AbortSignal): Promise<ReadonlySet<string>> => {
    if (config.closedStages.length > 0) return new Set(config.closedStages);
    if (known && known.until > Date.now()) return known.ids;
    const pipelines = await vendor.pipelines(signal);
    const stages = pipelines.flatMap((pipeline) => pipeline.stages);
    const closed = stages.filter(({ metadata }) => metadata.ticketState === "CLOSED");
    known = { ids: new Set(closed.map(({ id }) => id)), until: Date.now() + stagesMs };
    return known.ids;
  };
}

/** Asks nothing yet. */
export function openClient(
  ctx: Context<HubspotConfig>,
  closing: AbortSignal,
  tuning: ClientTuning = {},
): HubspotClient {
  const accessToken = createAccessToken(ctx);
  let seen: number | null = null;
  const api = createApi(
    async (url, init) => {
      const response = await ctx.fetch(url, init);
      const at = Date.parse(response.headers.get("date") ?? "");
      // Files lie elsewhere, where another clock goes.
      const isOwn = new URL(url).origin === new URL(ctx.config.url).origin;
      if (isOwn && !Number.isNaN(at)) seen = Math.max(seen ?? 0, at);
      return response;
    },
    ctx.config.url,
    async (refused) => `Bearer ${await accessToken(refused?.replace(/^Bearer /, ""))}`,
  );
  const vendor = createVendor(api);
  return {
    ctx,
    api,
    vendor,
    fields: fieldsOf(ctx.config),
    tuning,
    closing,
    accessToken: () => accessToken(),
    serverTime: () => seen,
    stored: createRemembered(),
    handled: new Map(),
    actors: createRemembered(),
    stubborn: createRemembered(),
    odd: createRemembered(),
    conversations: { read: 0 },
    own: { appId: null },
    closedStages: createStages(ctx, vendor),
  };
}
