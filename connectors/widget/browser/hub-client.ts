/** The frame's requests to the hub, with the visitor's session. */
import type { Kept } from "./kept.ts";

export interface Entry {
  id: string;
  from: "requester" | "agent";
  name: string | null;
  text: string;
  /** ISO 8601. */
  at: string;
  attachments: { id: string; name: string; mediaType: string; bytes: number }[];
}

export interface Post {
  /** A UUID made here: the same one at every attempt. */
  id: string;
  text: string;
  attachments: { name: string; mediaType: string; content: string }[];
}

/** An answer of the hub that is not a success. `status` 0: there was no answer. */
export class HubError extends Error {
  readonly status: number;
  constructor(status: number, detail: string) {
    super(detail);
    this.name = "HubError";
    this.status = status;
  }
}

export interface HubClient {
  /** True where an earlier visit left a session, so that there may be replies. */
  hasSession(): boolean;
  /** Who the visitor is, by the site's word; an empty string: not known. Drops a session that does not fit. */
  identify(jwt: string): void;
  read(after: string | null): Promise<Entry[]>;
  /** The message's id in the hub. */
  send(post: Post): Promise<string | null>;
  file(id: string): Promise<Blob>;
}

async function call(path: string, init: RequestInit): Promise<Response> {
  let answer: Response;
  try {
    answer = await fetch(path, { ...init, signal: AbortSignal.timeout(30_000) });
  } catch (error) {
    throw new HubError(0, String(error));
  }
  if (answer.ok) return answer;
  const said: unknown = await answer.json().catch(() => null);
  const detail = typeof said === "object" && said !== null && "detail" in said ? String(said.detail) : "";
  throw new HubError(answer.status, detail);
}

const asJson = { "content-type": "application/json" };

export interface HubEvents {
  /** A new session does not go on with the conversation that was shown: the old one is over, or never was. */
  onOtherThread(): void;
  /** The visitor has signed out: nothing of theirs may stay on the screen. */
  onSignOut(): void;
}

export function hubClient(base: URL, kept: Kept, events: HubEvents): HubClient {
  let identity = "";
  let token: Promise<string> | null = null;
  const at = (path: string) => new URL(path, base).href;

  async function newSession(): Promise<string> {
    const old = kept.get("session") ?? undefined;
    const ask = (body: object) =>
      call(at("session"), { method: "POST", headers: asJson, body: JSON.stringify(body) });
    const answer = await (identity === ""
      ? ask({ token: old })
      : ask({ token: old, identity }).catch((error: unknown) => {
          // A stale identity should not silence a visitor where the company does not insist on one.
          if (error instanceof HubError && error.status === 401) return ask({ token: old });
          throw error;
        }));
    const given: { token: string; identified: boolean; resumed: boolean } = await answer.json();
    kept.set("session", given.token);
    kept.set("identified", given.identified ? "yes" : null);
    if (!given.resumed) events.onOtherThread();
    return given.token;
  }

  function session(): Promise<string> {
    token ??= newSession().catch((error: unknown) => {
      token = null;
      throw error;
    });
    return token;
  }

  async function withSession(path: string, init: RequestInit = {}): Promise<Response> {
    for (let attempt = 1; ; attempt++) {
      const bearer = await session();
      try {
        return await call(at(path), {
          ...init,
          headers: { ...init.headers, authorization: `Bearer ${bearer}` },
        });
      } catch (error) {
        if (!(error instanceof HubError) || error.status !== 401 || attempt > 1) throw error;
        token = null; // Over, or the hub's key has changed.
      }
    }
  }

  return {
    hasSession: () => kept.get("session") !== null,
    identify: (jwt) => {
      if (jwt === identity && token !== null) return;
      identity = jwt;
      token = null;
      // Signed out: what the last visitor said is not this one's to see.
      if (jwt === "" && kept.get("identified") !== null) {
        kept.set("session", null);
        kept.set("identified", null);
        kept.set("draft", null);
        events.onSignOut();
      }
    },
    read: async (after) => {
      const answer = await withSession(
        `conversation${after === null ? "" : `?after=${encodeURIComponent(after)}`}`,
      );
      const { entries }: { entries: Entry[] } = await answer.json();
      return entries;
    },
    send: async (post) => {
      const answer = await withSession("messages", {
        method: "POST",
        headers: asJson,
        body: JSON.stringify(post),
      });
      const { accepted }: { accepted: { messageId?: string }[] } = await answer.json();
      return accepted[0]?.messageId ?? null;
    },
    file: async (id) => (await withSession(`files/${encodeURIComponent(id)}`)).blob(),
  };
}
