/** What a visitor's browser reads from the widget: loader, frame, session, conversation and files. */
import { z } from "zod";
import type { Context, HttpReply, RawRequest } from "../../plugins/contract/connector.ts";
import type { WidgetAssets } from "./assets.ts";
import { etagOf, framePage, loaderScript } from "./assets.ts";
import type { WidgetConfig } from "./config.ts";
import { inkOn } from "./config.ts";
import type { Identity } from "./identity.ts";
import { readIdentity } from "./identity.ts";
import { maxVisitorText } from "./map.ts";
import type { Session } from "./session.ts";
import {
  anonymousThread,
  foreignOrigin,
  identifiedThread,
  readSession,
  sessionOf,
  signSession,
} from "./session.ts";

export interface WidgetClient {
  readonly ctx: Context<WidgetConfig>;
  readonly assets: WidgetAssets;
}

/** An identified session ends after a day: on a shared device it must not outlive the site's own sign-in by weeks. */
const identifiedSeconds = 86_400;

const sessionRequest = z.strictObject({
  token: z.string().max(4_000).optional(),
  identity: z.string().max(4_000).optional(),
});

const titles: Record<number, string> = {
  400: "Bad Request",
  401: "Unauthorized",
  403: "Forbidden",
  404: "Not Found",
};

function problem(status: 400 | 401 | 403 | 404, detail: string): HttpReply {
  return {
    status,
    headers: { "content-type": "application/problem+json", "cache-control": "no-store" },
    body: JSON.stringify({ type: "about:blank", title: titles[status], status, detail }),
  };
}

function json(body: unknown): HttpReply {
  return {
    status: 200,
    headers: {
      "content-type": "application/json",
      "cache-control": "no-store",
      "x-content-type-options": "nosniff",
    },
    body: JSON.stringify(body),
  };
}

function cached(request: RawRequest, body: string, headers: Record<string, string>): HttpReply {
  const etag = etagOf(body);
  const common = { etag, "x-content-type-options": "nosniff", ...headers };
  return request.headers["if-none-match"] === etag
    ? { status: 304, headers: common }
    : { status: 200, headers: common, body };
}

function loader(client: WidgetClient, request: RawRequest): HttpReply {
  const { color } = client.ctx.config;
  const body = loaderScript(client.assets, { color, ink: inkOn(color), company: client.ctx.companyName });
  return cached(request, body, {
    "content-type": "text/javascript; charset=utf-8",
    "cache-control": "public, max-age=300, stale-while-revalidate=86400",
    // Hosts may isolate themselves (COEP); the loader holds nothing secret.
    "cross-origin-resource-policy": "cross-origin",
    "access-control-allow-origin": "*",
  });
}

/** The frame may be shown by the configured sites, and by the hub's own demo page. */
export function framePolicy(config: WidgetConfig): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    "style-src 'self'",
    "connect-src 'self'",
    "img-src 'self' blob:",
    "base-uri 'none'",
    "form-action 'none'",
    `frame-ancestors 'self' ${config.origins.join(" ")}`,
  ].join("; ");
}

function frame(client: WidgetClient, request: RawRequest): HttpReply {
  const { config, companyName } = client.ctx;
  const language = request.query.get("lang") === "ru" ? "ru" : "en";
  const body = framePage(client.assets, language, {
    company: companyName,
    title: config.title?.[language] ?? companyName,
    greeting: config.greeting?.[language] ?? null,
    color: config.color,
    ink: inkOn(config.color),
    origins: config.origins,
    maxFileBytes: config.maxFileBytes,
    maxFiles: config.maxFiles,
    maxText: maxVisitorText,
  });
  return cached(request, body, {
    "content-type": "text/html; charset=utf-8",
    "cache-control": "no-cache",
    "content-security-policy": framePolicy(config),
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "cross-origin",
  });
}

function file(client: WidgetClient, request: RawRequest): HttpReply | null {
  const match = /^(?:\/v-([\w-]+))?\/([\w-]+\.(?:js|css))$/.exec(request.path);
  const asset = match?.[2] === undefined ? undefined : client.assets.files.get(match[2]);
  if (asset === undefined) return null;
  // Another version is asked for while nodes are being replaced: answered, but not kept.
  const forGood = match?.[1] === client.assets.version;
  return cached(request, asset.body, {
    "content-type": asset.contentType,
    "cache-control": forGood ? "public, max-age=31536000, immutable" : "no-cache",
  });
}

function newSession(
  ctx: Context<WidgetConfig>,
  old: Session | null,
  identity: Identity | undefined,
  now: number,
): Session {
  const seconds = Math.floor(now / 1000);
  const lasts = Math.floor(ctx.config.sessionDays * 86_400);
  if (identity !== undefined) {
    const thread = identifiedThread(ctx, identity.sub);
    return { thread, exp: seconds + Math.min(lasts, identifiedSeconds), ...identity };
  }
  // An identified session is renewed only with a fresh identity: without one the visitor has signed out.
  const thread = old !== null && old.sub === undefined ? old.thread : anonymousThread();
  return { thread, exp: seconds + lasts };
}

function readBody(request: RawRequest): z.output<typeof sessionRequest> | null {
  try {
    return sessionRequest.safeParse(JSON.parse(Buffer.from(request.body).toString("utf8"))).data ?? null;
  } catch {
    return null; // The caller answers 400.
  }
}

function session(client: WidgetClient, request: RawRequest): HttpReply {
  const { config, log } = client.ctx;
  const foreign = foreignOrigin(request);
  if (foreign !== undefined) return problem(403, foreign);
  const body = readBody(request);
  if (body === null)
    return problem(400, 'Expected JSON such as {"token": "…", "identity": "…"}, both optional.');
  const now = Date.now();
  let identity: Identity | undefined;
  if (config.identity !== undefined && body.identity !== undefined) {
    const result = readIdentity(config.identity.keys, body.identity, now);
    if (!result.ok) {
      log.warn("widget: an identity token was refused", { reason: result.reason });
      return problem(401, result.reason);
    }
    identity = result.identity;
  }
  if (config.identity?.required && identity === undefined) {
    return problem(401, "This widget needs an identity token: sign in first.");
  }
  const old = body.token === undefined ? null : readSession(client.ctx, body.token, now);
  const next = newSession(client.ctx, old, identity, now);
  return json({
    token: signSession(client.ctx, next),
    expiresAt: new Date(next.exp * 1000).toISOString(),
    identified: identity !== undefined,
    resumed: old !== null && old.thread === next.thread,
  });
}

async function conversation(client: WidgetClient, request: RawRequest, thread: string): Promise<HttpReply> {
  const after = request.query.get("after") ?? undefined;
  if (after !== undefined && !z.uuid().safeParse(after).success)
    return problem(400, "after must be an entry's id.");
  return json({ entries: await client.ctx.conversations.read(thread, after) });
}

/** Types that no browser runs as a page or a script. */
const shownTypes = new Set(["image/png", "image/jpeg", "image/gif", "image/webp"]);

async function attachment(client: WidgetClient, id: string, thread: string): Promise<HttpReply> {
  const found = z.uuid().safeParse(id).success ? await client.ctx.conversations.attachment(thread, id) : null;
  if (found === null) return problem(404, "There is no such file in this conversation.");
  const shown = shownTypes.has(found.mediaType);
  const ascii = found.name.replace(/[^\w. -]/g, "_");
  const coded = encodeURIComponent(found.name).replace(
    /['()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16)}`,
  );
  return {
    status: 200,
    headers: {
      "content-type": shown ? found.mediaType : "application/octet-stream",
      "content-disposition": `${shown ? "inline" : "attachment"}; filename="${ascii}"; filename*=UTF-8''${coded}`,
      "content-security-policy": "default-src 'none'; sandbox",
      "x-content-type-options": "nosniff",
      "cache-control": "private, max-age=3600",
    },
    body: found.content,
  };
}

/** Answers everything but the visitor's posts, which go on to `push`. */
export async function handle(client: WidgetClient, request: RawRequest): Promise<HttpReply | null> {
  const { method, path } = request;
  if (method === "POST" && path === "/session") return session(client, request);
  if (method !== "GET" && method !== "HEAD") return null;
  if (path === "/loader.js") return loader(client, request);
  if (path === "/frame.html") return frame(client, request);
  const wanted = path === "/conversation" ? "" : /^\/files\/([\w-]+)$/.exec(path)?.[1];
  if (wanted === undefined) return file(client, request);
  const foreign = foreignOrigin(request);
  if (foreign !== undefined) return problem(403, foreign);
  const visitor = sessionOf(client.ctx, request, Date.now());
  if (visitor === null) return problem(401, "The session is missing or over: ask for a new one at /session.");
  return wanted === ""
    ? conversation(client, request, visitor.thread)
    : attachment(client, wanted, visitor.thread);
}
