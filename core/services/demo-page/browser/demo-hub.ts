/** The demo page's calls to the hub's API, and their types as the API's own schemas have them. */
import type { z } from "zod";
import type { ticketListSchema, ticketSchema } from "../../gateway/schemas.ts";

export type Ticket = z.output<typeof ticketSchema>;
export type TicketRow = z.output<typeof ticketListSchema>["tickets"][number];
export type Message = Ticket["messages"][number];

/** `status` 0: there was no answer. */
export class HubError extends Error {
  readonly status: number;
  constructor(status: number, detail: string) {
    super(detail);
    this.name = "HubError";
    this.status = status;
  }
}

export interface Hub {
  tickets(): Promise<TicketRow[]>;
  ticket(id: string): Promise<Ticket>;
  reply(ticketId: string, reply: { text: string; draftId?: string; agent: { name: string } }): Promise<void>;
}

/** @param key the company's API key, asked for at every call */
export function createHub(key: () => string): Hub {
  async function call(path: string, init: RequestInit = {}): Promise<Response> {
    let answer: Response;
    const headers = { ...init.headers, authorization: `Bearer ${key()}` };
    try {
      answer = await fetch(path, { ...init, headers, signal: AbortSignal.timeout(20_000) });
    } catch (error) {
      throw new HubError(0, String(error));
    }
    if (answer.ok) return answer;
    const said: unknown = await answer.json().catch(() => null);
    const detail = typeof said === "object" && said !== null && "detail" in said ? String(said.detail) : "";
    throw new HubError(answer.status, detail || `HTTP ${answer.status}`);
  }
  return {
    tickets: async () => {
      const { tickets }: { tickets: TicketRow[] } = await (await call("/v1/tickets?limit=10")).json();
      return tickets;
    },
    ticket: async (id) => (await call(`/v1/tickets/${encodeURIComponent(id)}`)).json(),
    reply: async (id, reply) => {
      await call(`/v1/tickets/${encodeURIComponent(id)}/replies`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(reply),
      });
    },
  };
}
