/** Whose request it is: a company's API key, the operator's key, and a limit for wrong ones. */
import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { Company } from "../../../config/types.ts";
import { createLimiter, type Limiter } from "../../lib/limiter.ts";
import { Problem } from "./problem.ts";
import { addressOf } from "./raw-request.ts";
import type { Services } from "./services.ts";

/** Wrong keys per address: enough for a slip, too few to guess. */
const wrongKeys = { perSecond: 1, burst: 20 };
/** A proxy on this machine makes everybody look local; what it forwards carries one of these. */
const proxyHeaders = ["x-forwarded-for", "x-real-ip", "forwarded", "via"];

export interface Caller {
  company: Company;
  /** The key's name in the company's file. */
  keyName: string;
}

/** @throws Problem 429 with Retry-After where the key's bucket is empty */
export function take(limiter: Limiter, key: string): void {
  const waitMs = limiter.take(key);
  if (waitMs === 0) return;
  const seconds = String(Math.max(1, Math.ceil(waitMs / 1000)));
  throw new Problem(429, { detail: `try again in ${seconds} s`, headers: { "retry-after": seconds } });
}

function bearer(request: IncomingMessage): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? "")?.[1];
}

/** By digest: how long it takes tells nothing about how much of the key was right. */
function sameKey(a: string, b: string): boolean {
  const digest = (text: string) => createHash("sha256").update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

function isLocal(request: IncomingMessage): boolean {
  if (proxyHeaders.some((name) => request.headers[name] !== undefined)) return false;
  return /^(::ffff:)?127\.|^::1$/.test(request.socket.remoteAddress ?? "");
}

export interface Authentication {
  /** The company whose key the request carries. @throws Problem 401, or 429 after too many wrong keys */
  company(request: IncomingMessage): Caller;
  /** The same where there is a key of this company, else undefined; for connectors, which have checks of their own. */
  keyOf(request: IncomingMessage, companyId: string): string | undefined;
  /** @throws Problem 401, 403 or 429 where the request is not the operator's */
  operator(request: IncomingMessage): void;
}

export function createAuthentication({
  directory,
  config,
}: Pick<Services, "directory" | "config">): Authentication {
  const wrong = createLimiter(wrongKeys);
  const refuse = (request: IncomingMessage, detail: string): never => {
    take(wrong, addressOf(request, config));
    throw new Problem(401, { detail, headers: { "www-authenticate": 'Bearer realm="deskwire"' } });
  };
  const find = (request: IncomingMessage) => {
    const key = bearer(request);
    return key === undefined ? null : directory.byKey(key);
  };
  return {
    company: (request) =>
      find(request) ??
      refuse(
        request,
        bearer(request) === undefined
          ? 'send the company\'s API key as "Authorization: Bearer <key>"'
          : "this is not an API key of any company",
      ),
    keyOf(request, companyId) {
      const found = find(request);
      return found?.company.id === companyId ? found.keyName : undefined;
    },
    operator(request) {
      const key = config.http.operatorKey?.reveal();
      if (key === undefined) {
        if (isLocal(request)) return;
        throw new Problem(403, {
          detail: "only for this machine: set http.operatorKey in hub.yaml and send it as a bearer key",
        });
      }
      const given = bearer(request);
      if (given === undefined || !sameKey(given, key))
        refuse(request, 'send the operator\'s key as "Authorization: Bearer <key>"');
    },
  };
}
