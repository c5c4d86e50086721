/** What a Zendesk account consists of, as the fake keeps it. */

export interface FakeUser {
  id: number;
  name: string;
  email: string;
  role: "end-user" | "agent" | "admin";
}

export interface FakeFile {
  id: number;
  file_name: string;
  content_type: string;
  content: Uint8Array;
  /** Where it lies: fetched from the account, it leads to another host. */
  token: string;
}

export interface FakeComment {
  id: number;
  author_id: number;
  public: boolean;
  body: string | null;
  html_body: string;
  created_at: string;
  files: FakeFile[];
  via: { channel: string };
  metadata?: { flags: number[] };
}

export interface FakeEvent {
  id: number;
  type: "Create" | "Change" | "Comment";
  field_name?: string;
  value?: unknown;
  previous_value?: unknown;
  public?: boolean;
  body?: string | null;
  via?: { channel: string };
}

export interface FakeAudit {
  id: number;
  ticket_id: number;
  author_id: number;
  created_at: string;
  via: { channel: string };
  events: FakeEvent[];
}

export interface FakeTicket {
  id: number;
  subject: string;
  status: string;
  priority: string | null;
  type: string | null;
  group_id: number | null;
  requester_id: number;
  custom_fields: Array<{ id: number; value: string | number | null }>;
  created_at: string;
  updated_at: string;
  comments: FakeComment[];
  audits: FakeAudit[];
  /** Its place in the stream of changes, and when it got there (milliseconds). */
  change: number;
  changedAt: number;
}

export interface Suspended {
  id: number;
  subject: string;
  content: string;
  cause: string;
  author: { name: string; email: string };
  created_at: string;
}

const entities: Record<string, string> = { amp: "&", lt: "<", gt: ">", quot: '"', "#39": "'" };

/** What people see of a note. */
export function plainText(html: string): string {
  return html
    .replace(/<[^>]*>/g, " ")
    .replace(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => entities[name] ?? "");
}
