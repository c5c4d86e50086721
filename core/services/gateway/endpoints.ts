/** Everything under /v1, and the pages for those who run the hub. */
import { z } from "zod";
import type { AnyConnector } from "../../../plugins/contract/connector.ts";
import { kindOf } from "../../../plugins/contract/errors.ts";
import { handleRequest } from "../../hosting/push.ts";
import { newId } from "../../lib/ids.ts";
import type { Ticket, TicketSummary, WaitingDraft } from "../../store/tickets.ts";
import type { ReplyResult, Unsent } from "../history.service.ts";
import { parseJson } from "./body.ts";
import { type Endpoint, endpoint } from "./endpoint.ts";
import { kept } from "./kept.ts";
import { alive, healthReply, metricsReply } from "./operations.ts";
import { onePage } from "./page.ts";
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

/** A reply that is recorded but has not reached the customer: sending it again brings it on its way. */
function unsent({ message, retryAfterMs }: Unsent, externalId: string): Problem {
  const detail = `the reply is recorded, but the connector could not pass it on (${message}); send it again with "externalId": ${JSON.stringify(externalId)}`;
  if (retryAfterMs === null) return new Problem(502, { detail });
  const seconds = String(Math.max(1, Math.ceil(retryAfterMs / 1000)));
  return new Problem(503, { detail, headers: { "retry-after": seconds } });
}

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
      const request = rawRequest(raw, "/", body as Buffer, services.config, {
        company: company.id,
        instance,
        apiKey: keyName,
      });
      const result = await handleRequest(services, company.id, instance, request).catch((error: unknown) => {
        // Told apart for the client: no JSON at all (400, 415), or JSON with wrong content (422).
        if (kindOf(error) === "permanent") parseJson(raw, body as Buffer);
        throw error;
      });
      if (!("accepted" in result)) throw new Problem(404, { detail: "the connector takes no messages" });
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
      return { status: 200, body: onePage("tickets", found, limit) };
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
      const externalId = body.externalId ?? newId();
      const reply = await services.call<ReplyResult>("history.reply", {
        company: company.id,
        actor: `key:${keyName}`,
        ticketId: params.id,
        externalId,
        text: body.text,
        agent: body.agent ?? {},
        draftId: body.draftId ?? null,
      });
      if (!reply) throw noTicket();
      if ("refused" in reply) throw new Problem(reply.status, { detail: reply.refused });
      if ("unsent" in reply) throw unsent(reply.unsent, externalId);
      return { status: reply.duplicate ? 200 : 201, body: reply };
    },
  }),
];

const drafts: Endpoint[] = [
  endpoint({
    method: "GET",
    path: "/v1/drafts",
    summary: "Fetch drafts that are ready, oldest first",
    description:
      "For systems that ask instead of being called. A draft stays in the list until a reply is recorded in its ticket. Drafts become ready in no strict order: ask from the beginning each time, and use `after` only to page on.",
    auth: "key",
    query: draftQuery,
    responses: { 200: { description: "A page of drafts", schema: draftListSchema } },
    async handle({ company, query, services }) {
      const { connector = null, after = null, limit } = query;
      const params = { company: company.id, connector, after, limit: limit + 1 };
      const found = await services.call<WaitingDraft[]>("history.drafts", params);
      return { status: 200, body: onePage("drafts", found, limit) };
    },
  }),
];

async function health({ services }: { services: Parameters<Endpoint["handle"]>[0]["services"] }) {
  return healthReply(await services.health());
}

const ready = {
  200: {
    description: "The node can do its work; `degraded` tells of trouble elsewhere",
    schema: healthSchema,
  },
  503: { description: "It cannot; `checks` says why", schema: healthSchema },
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
    handle: async () => alive,
  }),
  endpoint({
    method: "GET",
    path: "/metrics",
    summary: "Metrics in Prometheus' text format",
    description: "With the operator's key; where none is set, from this machine alone.",
    auth: "operator",
    responses: { 200: { description: "The metrics", contentType: "text/plain", schema: z.string() } },
    handle: async ({ services }) => metricsReply(services.metricsText()),
  }),
];

export function allEndpoints(api: AnyConnector | undefined): Endpoint[] {
  return [postMessage(api), ...tickets, ...drafts, ...kept, ...operations];
}
