/** Errors as `application/problem+json` (RFC 9457): what is wrong, where, and what to do. */
import { z } from "zod";
import { type ConnectorError, describeError, isConnectorError } from "../../../plugins/contract/errors.ts";
import { BlobError } from "../../blobs/blobs.ts";
import { Refused } from "../../hosting/push.ts";
import { Overloaded } from "../../pipeline/intake-limits.ts";
import { isDatabaseAway } from "../../store/database.ts";

export const problemSchema = z.object({
  type: z.string().describe("about:blank, or the kind of problem"),
  title: z.string(),
  status: z.int(),
  detail: z.string().optional().describe("What is wrong with this very request, and what to do."),
  errors: z
    .array(z.object({ path: z.string(), message: z.string() }))
    .optional()
    .describe("Each field that is wrong."),
  requestId: z.string().optional().describe("To find the request in the logs."),
});

export interface ProblemOptions {
  detail?: string;
  errors?: Array<{ path: string; message: string }>;
  headers?: Record<string, string>;
  cause?: unknown;
}

const titles: Record<number, string> = {
  400: "Bad request",
  401: "Not authenticated",
  403: "Not allowed",
  404: "Not found",
  405: "Method not allowed",
  408: "Too slow",
  409: "Conflict",
  413: "Request body too large",
  415: "Media type not supported",
  422: "Content not valid",
  429: "Too many requests",
  431: "Request headers too large",
  500: "Internal error",
  502: "Refused by the other side",
  503: "Not available at present",
  507: "No storage left",
};

/** All statuses that a problem may have: docs/api.md explains each. */
export const problemStatuses = Object.keys(titles).map(Number);

/** An answer that is an error. */
export class Problem extends Error {
  readonly status: number;
  readonly errors: ProblemOptions["errors"];
  readonly headers: Record<string, string>;
  /** Shown to the client; the message of an internal error is not. */
  readonly detail: string | undefined;
  constructor(status: number, { detail, errors, headers = {}, cause }: ProblemOptions = {}) {
    super(detail ?? titles[status] ?? `status ${status}`, { cause });
    this.name = "Problem";
    this.status = status;
    this.detail = detail;
    this.errors = errors;
    this.headers = headers;
  }
  toJSON(requestId?: string): z.output<typeof problemSchema> {
    return {
      type: "about:blank",
      title: titles[this.status] ?? "Error",
      status: this.status,
      ...(this.detail !== undefined && { detail: this.detail }),
      ...(this.errors && { errors: this.errors }),
      ...(requestId && { requestId }),
    };
  }
}

function fieldPath(path: PropertyKey[]): string {
  return path.reduce<string>(
    (text, key) =>
      typeof key === "number" ? `${text}[${key}]` : text ? `${text}.${String(key)}` : String(key),
    "",
  );
}

/** The most faults that one answer names, and the longest names and messages in it. */
const shown = { faults: 20, path: 200, message: 500 };

function clip(text: string, max: number): string {
  return text.length > max ? `${text.slice(0, max)}…` : text;
}

function faults(issue: z.core.$ZodIssue): Array<{ path: string; message: string }> {
  const at = (path: PropertyKey[]) => clip(fieldPath(path), shown.path);
  if (issue.code !== "unrecognized_keys") {
    return [{ path: at(issue.path), message: clip(issue.message, shown.message) }];
  }
  return issue.keys.map((key) => ({ path: at([...issue.path, key]), message: "there is no such field" }));
}

export function fromZod(error: z.ZodError): Problem {
  const errors = error.issues.flatMap(faults);
  const more =
    errors.length > shown.faults ? `; the first ${shown.faults} of ${errors.length} are named` : "";
  const detail = `some fields are not valid${more}`;
  return new Problem(422, { detail, errors: errors.slice(0, shown.faults), cause: error });
}

/** SQLSTATEs of values that PostgreSQL cannot hold: bad characters, dates out of range, more words than an index takes. */
const unstorable = /^(22008|22021|22P05|54000)$/;

const soon = { headers: { "retry-after": "5" } };

function fromConnector(error: ConnectorError): Problem {
  if (error.kind === "permanent") return new Problem(422, { detail: error.message, cause: error });
  if (error.kind === "config") return new Problem(404, { detail: error.message, cause: error });
  const seconds = Math.max(1, Math.ceil((error.retryAfterMs ?? 5_000) / 1000));
  return new Problem(503, {
    detail: "the connector cannot be used at present",
    headers: { "retry-after": String(seconds) },
    cause: error,
  });
}

/** The problem that an error of any kind is answered with. Internal ones say nothing of their cause. */
export function toProblem(error: unknown): Problem {
  if (error instanceof Problem) return error;
  if (error instanceof z.ZodError) return fromZod(error);
  if (error instanceof Refused) return new Problem(401, { detail: error.message, cause: error });
  if (isConnectorError(error)) return fromConnector(error);
  if (error instanceof BlobError && error.kind === "full") {
    return new Problem(507, {
      detail: `${error.message}; nothing of the message was stored`,
      ...soon,
      cause: error,
    });
  }
  if (error instanceof BlobError && error.kind === "missing") {
    return new Problem(404, { detail: "there is no such file", cause: error });
  }
  if (error instanceof BlobError)
    return new Problem(503, { detail: "files cannot be stored or read", ...soon, cause: error });
  if (error instanceof Overloaded) {
    const detail = `${error.message}; send the request again: what has the same externalId is stored once`;
    return new Problem(503, { detail, ...soon, cause: error });
  }
  const thrown = (error ?? {}) as { code?: unknown; type?: unknown; name?: unknown; message?: unknown };
  if (isDatabaseAway(thrown)) {
    const detail =
      "the database cannot be reached at present; send the request again: what has the same externalId is stored once";
    return new Problem(503, { detail, ...soon, cause: error });
  }
  const { code, type, name } = thrown;
  if (typeof code === "string" && unstorable.test(code))
    return new Problem(422, { detail: "a value in it cannot be stored", cause: error });
  if (type === "UNABLE_DECODE_PARAM")
    return new Problem(400, { detail: "the address holds a % that is no valid percent-encoding" });
  if (name === "NotFoundError" || type === "NOT_FOUND")
    return new Problem(404, { detail: "there is nothing at this address" });
  if (
    name === "RequestTimeoutError" ||
    name === "ServiceNotFoundError" ||
    name === "ServiceNotAvailableError"
  ) {
    return new Problem(503, { detail: "a part of the hub is not available", ...soon, cause: error });
  }
  if (typeof code === "number" && code >= 400 && code < 500)
    return new Problem(code, { detail: describeError(error) });
  return new Problem(500, { detail: "an unexpected error; it is in the hub's log", cause: error });
}
