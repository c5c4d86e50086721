/** Calls from browsers' pages on other origins (CORS): only where the config, or a connector, names the origin. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { Problem } from "./problem.ts";
import type { Services } from "./services.ts";

/** Seconds for which a browser may remember the answer. */
const maxAge = "600";

/** The origins that may call an address. */
function originsFor({ config, directory }: Services, path: string): readonly string[] {
  if (/^\/(v1\/|openapi\.json$)/.test(path)) return config.http.corsOrigins;
  const [, company = "", instance = ""] = /^\/connect\/([^/]+)\/([^/]+)(\/|$)/.exec(path) ?? [];
  const found = directory.get(company)?.connectors.get(instance);
  return found?.spec.serve?.origins?.(found.config) ?? [];
}

/**
 * Sets the headers by which a browser lets a page read the answer; without them it does not. Origins are compared whole.
 * @returns true where the request was a preflight and is answered
 * @throws Problem 403 for a preflight of another origin
 */
export function createCors(
  services: Services,
): (request: IncomingMessage, response: ServerResponse, path: string) => boolean {
  return (request, response, path) => {
    const origins = originsFor(services, path);
    const { origin } = request.headers;
    const isPreflight =
      request.method === "OPTIONS" && request.headers["access-control-request-method"] !== undefined;
    if (origins.length > 0) response.setHeader("vary", "Origin");
    if (origin === undefined || !origins.includes(origin)) {
      if (!isPreflight) return false;
      throw new Problem(403, {
        detail: "pages of this origin may not call the hub: see http.corsOrigins in hub.yaml",
      });
    }
    response.setHeader("access-control-allow-origin", origin);
    response.setHeader("access-control-expose-headers", "Content-Disposition, Retry-After, X-Request-ID");
    if (!isPreflight) return false;
    response
      .writeHead(204, {
        "access-control-allow-methods": "GET, POST",
        "access-control-allow-headers": "Authorization, Content-Type, Idempotency-Key",
        "access-control-max-age": maxAge,
      })
      .end();
    return true;
  };
}
