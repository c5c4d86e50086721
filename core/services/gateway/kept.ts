/** What stands beside the tickets: files, messages as their source had them, the quarantine, and the connectors. */

import type { ConnectorEntry } from "../connectors.service.ts";
import type { FileContent, QuarantineEntry } from "../history.service.ts";
import { type Endpoint, endpoint, type Reply } from "./endpoint.ts";
import { attachmentHeader } from "./file-name.ts";
import { onePage } from "./page.ts";
import { Problem } from "./problem.ts";
import { connectorListSchema, idParams, quarantineListSchema, quarantineQuery } from "./schemas.ts";

/** What a customer sent is never shown as a page of ours, whatever type it claims to be. @param content base64 */
function download(name: string, contentType: string, content: string): Reply {
  return {
    status: 200,
    headers: {
      "content-type": contentType,
      "content-disposition": attachmentHeader(name),
      "x-content-type-options": "nosniff",
    },
    body: Buffer.from(content, "base64"),
  };
}

export const kept: Endpoint[] = [
  endpoint({
    method: "GET",
    path: "/v1/attachments/{id}",
    summary: "Download a file that came with a message",
    auth: "key",
    params: idParams,
    responses: { 200: { description: "The file", contentType: "application/octet-stream" } },
    async handle({ company, params, services }) {
      const file = await services.call<FileContent | null>("history.file", {
        company: company.id,
        id: params.id,
      });
      if (!file) throw new Problem(404, { detail: "this company has no file with this id" });
      return download(file.name, "application/octet-stream", file.content);
    },
  }),
  endpoint({
    method: "GET",
    path: "/v1/messages/{id}/raw",
    summary: "Download a message as its source had it",
    description: "For connectors that keep it, such as e-mail: the whole mail, byte for byte.",
    auth: "key",
    params: idParams,
    responses: { 200: { description: "The message", contentType: "message/rfc822" } },
    async handle({ company, params, services }) {
      const { id } = params;
      const raw = await services.call<string | null>("history.raw", { company: company.id, id });
      if (raw === null) throw new Problem(404, { detail: "this company has no raw message with this id" });
      return download(`${id}.eml`, "message/rfc822", raw);
    },
  }),
  endpoint({
    method: "GET",
    path: "/v1/connectors",
    summary: "List the connectors, and whether they work",
    description: "A mailbox is well when it was read a moment ago; a connection alone says nothing.",
    auth: "key",
    responses: { 200: { description: "The company's connectors", schema: connectorListSchema } },
    async handle({ company, services }) {
      const connectors = await services.call<ConnectorEntry[]>("connectors.list", { company: company.id });
      return { status: 200, body: { connectors } };
    },
  }),
  endpoint({
    method: "GET",
    path: "/v1/quarantine",
    summary: "List items that could not be read, newest first",
    description: "`deskwire replay --quarantine` reads those with raw bytes once more.",
    auth: "key",
    query: quarantineQuery,
    responses: { 200: { description: "A page of items", schema: quarantineListSchema } },
    async handle({ company, query, services }) {
      const { connector = null, cursor = null, limit } = query;
      const params = { company: company.id, connector, before: cursor, limit: limit + 1 };
      const found = await services.call<QuarantineEntry[]>("history.quarantine", params);
      return { status: 200, body: onePage("items", found, limit) };
    },
  }),
];
