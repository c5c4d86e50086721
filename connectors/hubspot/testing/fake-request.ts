/** What a request asks of the fake, or in what it goes beyond what HubSpot documents. */
import { z } from "zod";
import { crmOperations, type Operation } from "./fake-contract.ts";
import { inboxOperations } from "./fake-contract-inbox.ts";

const operations: readonly Operation[] = [...crmOperations, ...inboxOperations];

export interface Asked {
  readonly operation: Operation;
  readonly parts: string[];
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly body: unknown;
}

export interface Incoming {
  readonly method: string;
  readonly url: URL;
  readonly contentType: string | undefined;
  readonly body: string;
}

const said = (error: z.ZodError) => z.prettifyError(error).replace(/\s+/g, " ");

function queryFaults(operation: Operation, url: URL): string[] {
  return [...url.searchParams].flatMap(([name, value]) => {
    const schema = Object.hasOwn(operation.query ?? {}, name) ? operation.query?.[name] : undefined;
    if (!schema) return [`it has no query parameter ${name}`];
    const parsed = schema.safeParse(value);
    return parsed.success ? [] : [`${name}=${value}: ${said(parsed.error)}`];
  });
}

function readBody({ body: schema, form }: Operation, { body, contentType }: Incoming): unknown {
  if (!schema && !form) {
    if (body !== "") throw new Error("it has no body");
    return undefined;
  }
  const wanted = schema ? "application/json" : "application/x-www-form-urlencoded";
  if (contentType?.split(";")[0] !== wanted) throw new Error(`expected ${wanted}, got ${contentType}`);
  const parsed = schema
    ? schema.safeParse(JSON.parse(body))
    : form?.safeParse(Object.fromEntries(new URLSearchParams(body)));
  if (parsed && !parsed.success) throw new Error(said(parsed.error));
  return parsed?.data;
}

/** What a request asks for, or what is wrong with it. */
export function understand(incoming: Incoming): Asked | { violation: string } {
  const { method, url } = incoming;
  const what = `${method} ${url.pathname}`;
  const operation = operations.find((one) => one.method === method && one.path.test(url.pathname));
  if (!operation) return { violation: `${what}: there is no such operation` };
  const faults = queryFaults(operation, url);
  if (faults.length > 0) return { violation: `${what}: ${faults.join("; ")}` };
  try {
    const body = readBody(operation, incoming);
    const parts = (operation.path.exec(url.pathname) ?? []).slice(1).map(decodeURIComponent);
    return { operation, parts, query: Object.fromEntries(url.searchParams), body };
  } catch (error) {
    return { violation: `${what}: ${error instanceof Error ? error.message : error}` };
  }
}
