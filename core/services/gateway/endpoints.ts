/** Everything under /v1, and the pages for those who run the hub. */
import { z } from "zod";
import type { AnyConnector } from "../../../plugins/contract/connector.ts";
import { handleRequest } from "../../hosting/push.ts";
import { newId } from "../../lib/ids.ts";
import type { Ticket, TicketSummary, WaitingDraft } from "../../store/tickets.ts";
import type { FileContent, ReplyResult } from "../history.service.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import { Problem } from "./problem.ts";
import { rawRequest } from "./raw-request.ts";
import {
  acceptedSchema,
  draftListSchema,
  draftQuery,
  healthSchema,
  idParams,
  replyRequestSchema,
  replySchema,
  ticketListSchema,
  ticketQuery,
  ticketSchema,
} from "./schemas.ts";

/** The connector that takes messages posted to /v1/messages. */
export const apiPlugin = "api";

const noTicket = () => new Problem(404, { detail: "this company has no ticket with this id" });

/** @param api the api connector's spec, whose own schema describes the body */
function postMessage(api: AnyConnector | undefined): Endpoint {
  return endpoint({
    method: "POST",
    path: "/v1/messages",
    summary: "Hand in a customer's message",
    description:
      "Answered once the message is committed. The same `externalId` again is answered with the message that is stored already, and changes nothing.",
    auth: "key",
    responses: {
      202: { description: "Stored; the draft follows", schema: acceptedSchema },
      200: { description: "It had been stored before", schema: acceptedSchema },
    },
    ...(api?.push?.body && { body: api.push.body }),
    async handle({ company, keyName, raw, body, services }) {
      const instance = [...company.connectors.values()].find(({ spec }) => spec.name === apiPlugin)?.instance;
      if (!instance) {
        const detail = `the company has no "api" connector: add \`api: {}\` under connectors in its config file`;
        throw new Problem(404, { detail });
      }
      const request = rawRequest(raw, "/", body as Buffer, services.config, keyName);
      const result = await handleRequest(services, company.id, instance, request);
      if (!("accepted" in result)) throw new Problem(404);
      const duplicate = result.accepted.every((message) => message.duplicate);
      return { status: duplicate ? 200 : 202, body: result };
    },
  });
}

const tickets: Endpoint[] = [
  endpoint({
    method: "GET",
    path: "/v1/tickets",
    summary: "List tickets, newest first",
    auth: "key",
    query: ticketQuery,
    responses: { 200: { description: "A page of tickets", schema: ticketListSchema } },
    async handle({ company, query, services }) {
      const { limit, cursor, ...filter } = query;
      const page = { limit: limit + 1, before: cursor };
      const found = await services.call<TicketSummary[]>("history.tickets", {
        company: company.id,
        filter,
        page,
      });
      const shown = found.slice(0, limit);
      return {
        status: 200,
        body: { tickets: shown, next: found.length > limit ? (shown.at(-1)?.id ?? null) : null },
      };
    },
  }),
  endpoint({
    method: "GET",
    path: "/v1/tickets/{id}",
    summary: "Read a ticket's whole history",
    auth: "key",
    params: idParams,
    responses: {
      200: { description: "The ticket with its messages, labels, drafts and outcomes", schema: ticketSchema },
    },
    async handle({ company, params, services }) {
      const ticket = await services.call<Ticket | null>("history.ticket", {
        company: company.id,
        id: params.id,
      });
      if (!ticket) throw noTicket();
      return { status: 200, body: ticket };
    },
  }),
  endpoint({
    method: "POST",
    path: "/v1/tickets/{id}/replies",
    summary: "Tell of an agent's reply, or send an approved one",
    description:
      "Records what the customer gets, and what became of the draft. Where the connector can (the widget), the customer sees it at once.",
    auth: "key",
    params: idParams,
    body: replyRequestSchema,
    responses: {
      201: { description: "Recorded", schema: replySchema },
      200: { description: "It had been recorded before", schema: replySchema },
    },
    async handle({ company, keyName, params, body, services }) {
      const reply = await services.call<ReplyResult>("history.reply", {
        company: company.id,
        actor: `key:${keyName}`,
        ticketId: params.id,
        externalId: body.externalId ?? newId(),
        text: body.text,
        agent: body.agent ?? {},
        draftId: body.draftId ?? null,
      });
      if (!reply) throw noTicket();
      if ("refused" in reply) throw new Problem(422, { detail: reply.refused });
      return { status: reply.duplicate ? 200 : 201, body: reply };
    },
  }),
];

const draftsAndFiles: Endpoint[] = [
  endpoint({
    method: "GET",
    path: "/v1/drafts",
    summary: "Fetch drafts that are ready, oldest first",
    description:
      "For systems that ask instead of being called. A draft is left out once a reply was recorded for it.",
    auth: "key",
    query: draftQuery,
    responses: { 200: { description: "A page of drafts", schema: draftListSchema } },
    async handle({ company, query, services }) {
      const { connector = null, after = null, limit } = query;
      const params = { company: company.id, connector, after, limit };
      const drafts = await services.call<WaitingDraft[]>("history.drafts", params);
      return { status: 200, body: { drafts, next: drafts.at(-1)?.id ?? after } };
    },
  }),
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
      const name = encodeURIComponent(file.name.toWellFormed()).replaceAll("'", "%27");
      return {
        status: 200,
        // What a customer sent is never shown as a page of ours, whatever type it claims to be.
        headers: {
          "content-type": "application/octet-stream",
          "content-disposition": `attachment; filename*=UTF-8''${name}`,
          "x-content-type-options": "nosniff",
        },
        body: Buffer.from(file.content, "base64"),
      };
    },
  }),
];

async function health({ services }: { services: Parameters<Endpoint["handle"]>[0]["services"] }) {
  const { ready, checks } = await services.health();
  return { status: ready ? 200 : 503, body: { status: ready ? "ok" : "unavailable", checks } };
}

const ready = {
  200: { description: "All parts work", schema: healthSchema },
  503: { description: "A part does not; `checks` says which", schema: healthSchema },
};

const operations: Endpoint[] = [
  endpoint({
    method: "GET",
    path: "/health",
    summary: "The same as /health/ready",
    auth: "none",
    responses: ready,
    handle: health,
  }),
  endpoint({
    method: "GET",
    path: "/health/ready",
    summary: "Whether the node can take traffic",
    auth: "none",
    responses: ready,
    handle: health,
  }),
  endpoint({
    method: "GET",
    path: "/health/live",
    summary: "Whether the process runs",
    description: "It does not look at the database: a restart would not bring that back.",
    auth: "none",
    responses: { 200: { description: "It runs", schema: healthSchema } },
    handle: async () => ({ status: 200, body: { status: "ok" } }),
  }),
  endpoint({
    method: "GET",
    path: "/metrics",
    summary: "Metrics in Prometheus' text format",
    description: "From this machine, or with the operator's key.",
    auth: "none",
    responses: { 200: { description: "The metrics", contentType: "text/plain", schema: z.string() } },
    async handle({ raw, services }) {
      if (!mayReadMetrics(raw, services.config.http.operatorKey?.reveal())) {
        throw new Problem(403, { detail: "set http.operatorKey in hub.yaml and send it as a bearer key" });
      }
      return {
        status: 200,
        headers: { "content-type": "text/plain; version=0.0.4; charset=utf-8" },
        body: services.metricsText(),
      };
    },
  }),
];

function mayReadMetrics(raw: Parameters<Endpoint["handle"]>[0]["raw"], key: string | undefined): boolean {
  if (key !== undefined) return raw.headers.authorization === `Bearer ${key}`;
  // A proxy on this machine makes everybody look local; what it forwards carries this header.
  if (raw.headers["x-forwarded-for"] !== undefined || raw.headers.forwarded !== undefined) return false;
  return /^(::ffff:)?127\.|^::1$/.test(raw.socket.remoteAddress ?? "");
}

export function allEndpoints(api: AnyConnector | undefined): Endpoint[] {
  return [postMessage(api), ...tickets, ...draftsAndFiles, ...operations];
}
