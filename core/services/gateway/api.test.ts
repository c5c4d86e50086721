/** The API as a company's own system uses it, on a whole hub with a real database. */
import { randomUUID } from "node:crypto";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createFileBlobs } from "../../blobs/files.ts";
import { projectConfig } from "../../cli/project.ts";
import { ticketCode } from "../../lib/ids.ts";
import { insertMessages, type StoredMessage } from "../../store/messages.ts";
import { insertQuarantined } from "../../store/quarantine.ts";
import { saveThreads } from "../../store/threads.ts";
import { type Client, checkedClient } from "../../testing/checked-client.ts";
import { startTestHub, type TestHub, testKey, until } from "../../testing/hub.ts";
import { newMessage } from "../../testing/store.ts";

let hub: TestHub;
let call: Client;
const key = testKey("acme");

/** One company a group of tests, so that no group sees the tickets of another. */
const companies = ["acme", "pages", "filters", "drafts", "replies", "kept", "other"];
const widget = (origin: string) =>
  `  widget:\n    origins: [${origin}]\n    sessionKey: a-session-key-0123\n  second:\n    plugin: api\n`;

beforeAll(async () => {
  hub = await startTestHub(
    Object.fromEntries(
      companies.map((id) => [
        id,
        `connectors:\n  api: {}\n${id === "acme" ? widget("http://shop.example") : ""}`,
      ]),
    ),
  );
  call = await checkedClient(hub.url);
});
afterAll(() => hub.stop());

async function post(company: string, message: object) {
  const { status, body } = await call("/v1/messages", { key: testKey(company), body: message });
  return { status, ...body.accepted[0] } as {
    status: number;
    messageId: string;
    ticketId: string;
    externalId: string;
    duplicate: boolean;
  };
}

/** The ticket, once its newest message has come to its end. */
async function ended(company: string, ticketId: string) {
  return until(`ticket ${ticketId} has come to its end`, async () => {
    const { body } = await call(`/v1/tickets/${ticketId}`, { key: testKey(company) });
    return body.messages.filter((m: { from: string }) => m.from === "requester").at(-1).progress.endedAt
      ? body
      : undefined;
  });
}

describe("messages", () => {
  test("a posted message ends as a delivered draft, with its whole history", async () => {
    const posted = await post("acme", {
      externalId: "m-1",
      subject: "Parcel",
      text: "Where is my order?",
      requester: { name: "Анна", email: "anna@example.com", externalId: "c-1" },
      sentAt: "2026-11-23T09:30:00+03:00",
    });
    expect(posted).toMatchObject({ status: 202, externalId: "m-1", duplicate: false });
    const ticket = await ended("acme", posted.ticketId);
    expect(ticket).toMatchObject({
      connector: "api",
      threadId: "m-1",
      subject: "Parcel",
      requester: { name: "Анна", email: "anna@example.com", externalId: "c-1" },
      messages: [
        {
          externalId: "m-1",
          from: "requester",
          sentAt: "2026-11-23T06:30:00.000Z",
          progress: { stage: "delivered", error: null },
          draft: { writtenBy: "offline", outcome: null },
        },
      ],
    });
    expect(ticket.messages[0].classification.type.label).toEqual(expect.any(String));
  });

  test("messages of one thread form one ticket, in the order in which they came", async () => {
    const first = await post("acme", { threadId: "t-1", text: "The first question" });
    const second = await post("acme", { threadId: "t-1", text: "And one more thing" });
    expect(second.ticketId).toBe(first.ticketId);
    const ticket = await ended("acme", first.ticketId);
    expect(ticket.messages.map((m: { text: string }) => m.text)).toEqual([
      "The first question",
      "And one more thing",
    ]);
  });

  test("a message that wants no draft is stored and skipped with its reason", async () => {
    const { ticketId } = await post("acme", { text: "Out of office", skip: "automatic mail" });
    const { body } = await call(`/v1/tickets/${ticketId}`, { key });
    expect(body.messages[0]).toMatchObject({
      progress: { stage: "skipped", reason: "automatic mail" },
      draft: null,
    });
  });

  test("the Idempotency-Key header stands for a missing externalId", async () => {
    const headers = { "idempotency-key": "idem-1" };
    const options = { key, body: { text: "Hello" }, headers };
    const [first, second] = [await call("/v1/messages", options), await call("/v1/messages", options)];
    expect([first.status, second.status]).toEqual([202, 200]);
    expect(second.body.accepted[0]).toEqual({ ...first.body.accepted[0], duplicate: true });
    expect(first.body.accepted[0].externalId).toBe("idem-1");
  });

  test("the same externalId 20 times at once is one message and one draft", async () => {
    const message = { externalId: "twenty", text: "Where is my parcel?" };
    const answers = await Promise.all(Array.from({ length: 20 }, () => post("acme", message)));
    expect(new Set(answers.map(({ messageId, ticketId }) => `${messageId} ${ticketId}`)).size).toBe(1);
    expect(answers.filter(({ status, duplicate }) => status === 202 && !duplicate)).toHaveLength(1);
    expect(answers.filter(({ status, duplicate }) => status === 200 && duplicate)).toHaveLength(19);
    const [one] = answers as [(typeof answers)[0]];
    expect((await ended("acme", one.ticketId)).messages).toHaveLength(1);
    const drafts = await hub.node.db.query("count-drafts", "SELECT id FROM drafts WHERE ticket_id = $1", [
      one.ticketId,
    ]);
    expect(drafts).toHaveLength(1);
  });

  test("two companies may use the same externalId", async () => {
    const [mine, theirs] = [
      await post("acme", { externalId: "shared", text: "Mine" }),
      await post("other", { externalId: "shared", text: "Theirs" }),
    ];
    expect(mine.messageId).not.toBe(theirs.messageId);
    expect(theirs.status).toBe(202);
  });

  test("a file comes back as it was sent, and its name can do no harm", async () => {
    const content = Buffer.from([0, 255, 13, 10, 60, 115, 99, 114, 105, 112, 116, 62]);
    const name = '../../etc/passwd\r\nSet-Cookie: a=b "квитанция".html';
    const attachments = [{ name, mediaType: "text/html", content: content.toString("base64") }];
    const { ticketId } = await post("acme", { text: "See the file", attachments });
    const { body } = await call(`/v1/tickets/${ticketId}`, { key });
    const [file] = body.messages[0].attachments;
    expect(file).toMatchObject({ name, mediaType: "text/html", bytes: content.length });
    const download = await call(`/v1/attachments/${file.id}`, { key });
    expect(download.body).toEqual(content);
    expect(Object.fromEntries(download.headers)).toMatchObject({
      "content-type": "application/octet-stream",
      "x-content-type-options": "nosniff",
    });
    const disposition = download.headers.get("content-disposition") ?? "";
    expect(disposition).toMatch(/^attachment; filename="[\w. =-]+"; filename\*=UTF-8''[\w.%~-]+$/);
    expect(download.headers.get("set-cookie")).toBeNull();
    expect(decodeURIComponent(disposition.split("''")[1] ?? "")).toBe(
      ".._.._etc_passwd__Set-Cookie_ a=b _квитанция_.html",
    );
  });
});

describe("pages of tickets", () => {
  test("no ticket comes twice or is missing while new ones come in", async () => {
    const before = new Set<string>();
    for (let i = 0; i < 23; i++) before.add((await post("pages", { text: `Question ${i}` })).ticketId);
    const seen: string[] = [];
    let cursor: string | null = "";
    do {
      const query: string = cursor ? `&cursor=${cursor}` : "";
      const { body } = await call(`/v1/tickets?limit=5${query}`, { key: testKey("pages") });
      seen.push(...body.tickets.map(({ id }: { id: string }) => id));
      await Promise.all([post("pages", { text: "A new one" }), post("pages", { text: "Another new one" })]);
      cursor = body.next;
    } while (cursor);
    expect(seen).toEqual([...before].reverse());
  });

  test("the last page has no next one, also where it is full", async () => {
    const { body } = await call("/v1/tickets?limit=100", { key: testKey("pages") });
    expect(body.next).toBeNull();
    const whole = body.tickets.length;
    const exact = await call(`/v1/tickets?limit=${whole}`, { key: testKey("pages") });
    expect(exact.body).toMatchObject({ next: null });
    const oneLess = await call(`/v1/tickets?limit=${whole - 1}`, { key: testKey("pages") });
    expect(oneLess.body.next).toBe(oneLess.body.tickets.at(-1).id);
  });

  test.each(["0", "-1", "101", "1.5", "abc", "", "1e1", "99999999999999999999"])(
    "a limit of %j is refused",
    async (limit) => {
      const { status, body } = await call(`/v1/tickets?limit=${limit}`, { key });
      expect([status, body.errors[0].path]).toEqual([422, "limit"]);
    },
  );
});

describe("filters of tickets", () => {
  const ids: Record<string, string> = {};
  const filterKey = testKey("filters");
  const find = async (query: Record<string, string>) => {
    const { body } = await call(`/v1/tickets?${new URLSearchParams(query)}`, { key: filterKey });
    return body.tickets.map((ticket: { id: string }) =>
      Object.keys(ids).find((name) => ids[name] === ticket.id),
    );
  };

  beforeAll(async () => {
    const messages = {
      parcel: { subject: "Rücksendung", threadId: "p", text: "My parcel ORD-12345 has not come" },
      russian: { text: "Добрый день! Посылка не пришла, где мой заказ?" },
      mail: { text: "Write to anna@shop.example or see https://shop.example/returns/42" },
      automatic: { text: "Out of office", skip: "automatic mail" },
    };
    for (const [name, message] of Object.entries(messages))
      ids[name] = (await post("filters", message)).ticketId;
    await post("filters", { threadId: "p", text: "Any news?" });
    for (const id of Object.values(ids)) await ended("filters", id);
  });

  test("by stage", async () => {
    expect(await find({ stage: "skipped" })).toEqual(["automatic"]);
    expect(await find({ stage: "delivered" })).toEqual(["mail", "russian", "parcel"]);
    expect(await find({ stage: "dead" })).toEqual([]);
  });

  test("by type, priority and department, as the list itself shows them", async () => {
    const { body } = await call("/v1/tickets", { key: filterKey });
    for (const label of ["type", "priority", "department"]) {
      for (const { labels } of body.tickets.filter((t: { labels: object | null }) => t.labels)) {
        const same = body.tickets.filter(
          (t: { labels: Record<string, string> | null }) => t.labels?.[label] === labels[label],
        );
        expect(await find({ [label]: labels[label] })).toHaveLength(same.length);
      }
      expect(await find({ [label]: "no-such-label" })).toEqual([]);
    }
  });

  test("by connector", async () => {
    expect(await find({ connector: "api" })).toHaveLength(4);
    expect(await find({ connector: "mail" })).toEqual([]);
  });

  test.each([
    ["a word", "parcel", ["parcel"]],
    ["a word of an older message of the ticket, in capitals", "PARCEL come", ["parcel"]],
    ["the beginning of the last word", "par", ["parcel"]],
    ["a word in the subject", "rücksendung", ["parcel"]],
    ["Cyrillic in another case", "ПОСЫЛКА заказ", ["russian"]],
    ["all of the words", "parcel заказ", []],
    ["an order number", "ORD-12345", ["parcel"]],
    ["the number alone", "12345", ["parcel"]],
    ["an e-mail address", "anna@shop.example", ["mail"]],
    ["a link", "https://shop.example/returns/42", ["mail"]],
  ])("by text: %s", async (_, text, expected) => {
    expect(await find({ text })).toEqual(expected);
  });

  test.each(["?!…", "%", "'", "&|!()", "  ", "👋"])(
    "the text %j has no word and finds nothing",
    async (text) => {
      expect(await find({ text })).toEqual([]);
    },
  );

  test.each([
    "parcel%",
    "'parcel",
    "parcel:*",
    "!parcel",
    "parcel & ",
    "parcel | (",
    "\\parcel",
    "<->parcel",
  ])("the characters around the word in %j are no operators", async (text) => {
    expect(await find({ text })).toEqual(["parcel"]);
  });

  test("filters work together", async () => {
    expect(await find({ stage: "delivered", connector: "api", text: "заказ", limit: "1" })).toEqual([
      "russian",
    ]);
  });

  test.each([
    ["stage=lost", "stage"],
    ["text=", "text"],
    [`text=${"a".repeat(501)}`, "text"],
    ["connector=%00", "connector"],
    ["type=%00", "type"],
    ["text=a%00b", "text"],
    ["cursor=1", "cursor"],
    ["colour=red", "colour"],
    ["text=a&text=b", "text"],
    ["text[a]=b", "text"],
  ])("the query %s is refused, and the field is named", async (query, path) => {
    const { status, body } = await call(`/v1/tickets?${query}`, { key: filterKey });
    expect([status, body.errors[0].path]).toEqual([422, path]);
  });
});

describe("kept drafts", () => {
  const draftKey = testKey("drafts");
  const list = async (query = "") => (await call(`/v1/drafts${query}`, { key: draftKey })).body;

  test("they are listed oldest first, page by page, until a reply is recorded", async () => {
    const tickets: string[] = [];
    for (let i = 0; i < 5; i++) {
      const { ticketId } = await post("drafts", { externalId: `d-${i}`, text: `Where is order ${i}?` });
      await ended("drafts", ticketId);
      tickets.push(ticketId);
    }
    const all = await list();
    expect(all.drafts.map((d: { ticketId: string }) => d.ticketId)).toEqual(tickets);
    expect(all.next).toBeNull();
    const first = await list("?limit=3");
    expect(first.drafts).toEqual(all.drafts.slice(0, 3));
    const second = await list(`?limit=3&after=${first.next}`);
    expect(second).toEqual({ drafts: all.drafts.slice(3), next: null });
    expect((await list("?connector=api")).drafts).toHaveLength(5);
    expect((await list("?connector=mail")).drafts).toEqual([]);

    const [{ id, ticketId, text }] = all.drafts;
    const body = { text, draftId: id };
    expect((await call(`/v1/tickets/${ticketId}/replies`, { key: draftKey, body })).status).toBe(201);
    expect((await list()).drafts).toEqual(all.drafts.slice(1));
  });

  test("another company's drafts are not among them", async () => {
    expect((await call("/v1/drafts", { key: testKey("other") })).body.drafts).not.toContainEqual(
      expect.objectContaining({ messageExternalId: expect.stringMatching(/^d-/) }),
    );
  });
});

describe("replies", () => {
  const replyKey = testKey("replies");
  const reply = (ticketId: string, body: object) =>
    call(`/v1/tickets/${ticketId}/replies`, { key: replyKey, body });
  const withDraft = async () => {
    const { ticketId, externalId } = await post("replies", { text: "Where is my parcel? It is late." });
    const ticket = await ended("replies", ticketId);
    return { ticketId, externalId, draft: ticket.messages[0].draft as { id: string; text: string } };
  };

  test("a draft that was sent as it was is told apart from an edited one and an unused one", async () => {
    const { ticketId, draft } = await withDraft();
    const unchanged = await reply(ticketId, { text: ` ${draft.text}\n`, agent: { name: "Олег" } });
    expect(unchanged).toMatchObject({
      status: 201,
      body: { duplicate: false, outcome: { draftId: draft.id, kind: "sent-unchanged", editDistance: 0 } },
    });
    const second = await withDraft();
    const edited = await reply(second.ticketId, {
      text: `${second.draft.text} Bye!`,
      draftId: second.draft.id,
    });
    expect(edited.body.outcome).toEqual({ draftId: second.draft.id, kind: "edited", editDistance: 5 });
    const third = await withDraft();
    const unused = await reply(third.ticketId, { text: "Нет." });
    expect(unused.body.outcome).toMatchObject({ draftId: third.draft.id, kind: "not-used" });
    const { body } = await call(`/v1/tickets/${ticketId}`, { key: replyKey });
    expect(body.messages.at(-1)).toMatchObject({ from: "agent", author: { name: "Олег" }, progress: null });
    expect(body.messages[0].draft.outcome).toMatchObject({
      kind: "sent-unchanged",
      replyId: body.messages[1].id,
    });
  });

  test("the same externalId again changes nothing and is answered the same", async () => {
    const { ticketId, draft } = await withDraft();
    const body = { externalId: "r-1", text: draft.text, draftId: draft.id };
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await reply(ticketId, body));
    expect(answers.map(({ status }) => status)).toEqual([201, 200, 200]);
    expect(answers[1]?.body).toEqual({ ...answers[0]?.body, duplicate: true });
    const stored = await call(`/v1/tickets/${ticketId}`, { key: replyKey });
    expect(stored.body.messages).toHaveLength(2);
  });

  test("ten at once with the same externalId are one reply", async () => {
    const { ticketId, draft } = await withDraft();
    const body = { externalId: "r-ten", text: draft.text };
    const answers = await Promise.all(Array.from({ length: 10 }, () => reply(ticketId, body)));
    expect(answers.map(({ status }) => status).sort()).toEqual([...Array(9).fill(200), 201]);
    expect(new Set(answers.map((answer) => answer.body.messageId)).size).toBe(1);
  });

  test("an externalId of another ticket's reply, or of a customer's message, is refused", async () => {
    const [one, two] = [await withDraft(), await withDraft()];
    expect((await reply(one.ticketId, { externalId: "r-mine", text: "Yes" })).status).toBe(201);
    for (const externalId of ["r-mine", two.externalId]) {
      const refused = await reply(two.ticketId, { externalId, text: "No" });
      expect(refused).toMatchObject({ status: 409, body: { detail: expect.stringContaining("externalId") } });
    }
    const { body } = await call(`/v1/tickets/${two.ticketId}`, { key: replyKey });
    expect(body.messages).toHaveLength(1);
  });

  test("a draft of another ticket, of nobody, or one that has its outcome, is refused and nothing is written", async () => {
    const [one, two] = [await withDraft(), await withDraft()];
    await reply(one.ticketId, { text: one.draft.text, draftId: one.draft.id });
    for (const draftId of [one.draft.id, randomUUID()]) {
      const refused = await reply(two.ticketId, { text: "Hello", draftId });
      expect(refused).toMatchObject({ status: 422, body: { detail: expect.stringContaining("draftId") } });
    }
    const { body } = await call(`/v1/tickets/${two.ticketId}`, { key: replyKey });
    expect(body.messages).toHaveLength(1);
    expect(body.messages[0].draft.outcome).toBeNull();
  });
});

describe("what is kept of a source", () => {
  const keptKey = testKey("kept");
  const mail = Buffer.from(
    "Subject: =?utf-8?B?0J/RgNC40LI=?=\r\n\r\n<script>alert(1)</script>\xff",
    "latin1",
  );
  const blobs = () => createFileBlobs(join(hub.project.dir, "state", "blobs"));
  const store = async (fields: object) => {
    const [stored] = await insertMessages(
      hub.node.db,
      [newMessage({ company: "kept", connector: "mail", skip: "a test's own", ...fields })],
      0,
    );
    return stored as StoredMessage;
  };

  test("a message shows what was taken off its text, its HTML, and the ids of its inline files", async () => {
    const file = {
      id: randomUUID(),
      name: "a.png",
      mediaType: "image/png",
      bytes: 1,
      blob: "b",
      contentId: "img@a",
    };
    const { ticketId } = await store({
      quoted: "> Before",
      html: '<img src="cid:img@a">',
      attachments: [file],
    });
    const { body } = await call(`/v1/tickets/${ticketId}`, { key: keptKey });
    expect(body).toMatchObject({
      code: ticketCode(ticketId),
      related: [],
      messages: [
        {
          quoted: "> Before",
          html: '<img src="cid:img@a">',
          hasRaw: false,
          attachments: [{ contentId: "img@a" }],
        },
      ],
    });
    const list = await call("/v1/tickets", { key: keptKey });
    expect(list.body.tickets[0].code).toBe(body.code);
  });

  test("tickets that are linked show each other", async () => {
    const [one, two] = [await store({}), await store({})];
    const entry = { ticketId: two.ticketId, ids: [], participants: [], related: [one.ticketId] };
    await saveThreads(hub.node.db, { company: "kept", connector: "mail" }, [entry]);
    const relatedOf = async ({ ticketId }: StoredMessage) =>
      (await call(`/v1/tickets/${ticketId}`, { key: keptKey })).body.related;
    expect(await relatedOf(one)).toEqual([two.ticketId]);
    expect(await relatedOf(two)).toEqual([one.ticketId]);
  });

  test("the raw message comes byte for byte, as a download, to its own company alone", async () => {
    const { messageId, ticketId } = await store({ raw: await blobs().put("kept", mail) });
    const { body } = await call(`/v1/tickets/${ticketId}`, { key: keptKey });
    expect(body.messages[0].hasRaw).toBe(true);
    const download = await call(`/v1/messages/${messageId}/raw`, { key: keptKey });
    expect(download.status).toBe(200);
    expect(download.body).toEqual(mail);
    expect(Object.fromEntries(download.headers)).toMatchObject({
      "content-type": "message/rfc822",
      "content-disposition": expect.stringContaining(`attachment; filename="${messageId}.eml"`),
      "x-content-type-options": "nosniff",
    });
    const foreign = await call(`/v1/messages/${messageId}/raw`, { key: testKey("other") });
    const unknown = await call(`/v1/messages/${randomUUID()}/raw`, { key: testKey("other") });
    expect([foreign.status, foreign.body]).toEqual([404, unknown.body]);
  });

  test("a message without raw bytes, and one whose blob is gone, are answered with 404", async () => {
    for (const raw of [null, `kept/${"0".repeat(64)}`]) {
      const { messageId } = await store({ raw });
      expect((await call(`/v1/messages/${messageId}/raw`, { key: keptKey })).status).toBe(404);
    }
  });

  test("the quarantine is listed page by page, newest first, each company its own", async () => {
    const items = Array.from({ length: 5 }, (_, i) => ({
      company: "kept",
      connector: i === 0 ? "old" : "mail",
      externalId: `broken-${i}`,
      reason: "too deep",
      blob: i === 4 ? "kept/blob" : null,
    }));
    await insertQuarantined(hub.node.db, [...items, { ...items[0], company: "other" } as (typeof items)[0]]);
    const list = async (query = "") => (await call(`/v1/quarantine${query}`, { key: keptKey })).body;
    const all = await list();
    expect(all).toMatchObject({
      items: [4, 3, 2, 1, 0].map((i) => ({ externalId: `broken-${i}`, reason: "too deep", hasRaw: i === 4 })),
      next: null,
    });
    const first = await list("?limit=2");
    expect(first.items).toEqual(all.items.slice(0, 2));
    expect(await list(`?limit=3&cursor=${first.next}`)).toEqual({ items: all.items.slice(2), next: null });
    expect((await list("?connector=old")).items).toEqual([all.items[4]]);
    expect((await call("/v1/quarantine?colour=red", { key: keptKey })).status).toBe(422);
    const { checks } = (await call("/health")).body;
    expect(checks.database.quarantined).toEqual(expect.any(Number));
  });

  test("a company sees its own connectors, and how they are", async () => {
    const { status, body } = await call("/v1/connectors", { key: testKey("other") });
    expect(status).toBe(200);
    expect(body.connectors).toEqual([
      {
        name: "api",
        plugin: "api",
        state: expect.any(String),
        detail: null,
        source: null,
        ledger: null,
        overdue: 0,
      },
    ]);
  });
});

describe("what belongs to another company", () => {
  test("is answered just as what does not exist", async () => {
    const content = Buffer.from("secret").toString("base64");
    const { ticketId } = await post("acme", { text: "Mine", attachments: [{ name: "a", content }] });
    const { body } = await call(`/v1/tickets/${ticketId}`, { key });
    const other = testKey("other");
    const same = async (path: (id: string) => string, own: string, options = {}) => {
      const [foreign, unknown] = [
        await call(path(own), { key: other, ...options }),
        await call(path(randomUUID()), { key: other, ...options }),
      ];
      expect(foreign.status).toBe(404);
      expect(foreign.body).toEqual(unknown.body);
    };
    await same((id) => `/v1/tickets/${id}`, ticketId);
    await same((id) => `/v1/attachments/${id}`, body.messages[0].attachments[0].id);
    await same((id) => `/v1/tickets/${id}/replies`, ticketId, { body: { text: "Hi" } });
    const list = await call("/v1/tickets", { key: other });
    expect(list.body.tickets).not.toContainEqual(expect.objectContaining({ id: ticketId }));
  });
});

describe("the widget through the gateway", () => {
  const base = "/connect/acme/widget";
  const widgetPost = (path: string, body: object, token?: string) =>
    call(base + path, {
      body,
      headers: { origin: hub.url, ...(token && { authorization: `Bearer ${token}` }) },
    });

  test("a visitor gets a session, writes with a file, and sees the reply that an agent approved", async () => {
    const session = await widgetPost("/session", {});
    expect(session.status).toBe(200);
    const { token } = session.body;
    const headers = { authorization: `Bearer ${token}` };
    const attachments = [{ name: "a.txt", content: Buffer.from("file").toString("base64") }];
    const message = { id: randomUUID(), text: "Где мой заказ?", attachments };
    const posted = await widgetPost("/messages", message, token);
    expect(posted).toMatchObject({ status: 202, body: { accepted: [{ duplicate: false }] } });
    expect((await widgetPost("/messages", message, token)).body.accepted[0].duplicate).toBe(true);
    const { ticketId } = posted.body.accepted[0];
    const { draft } = (await ended("acme", ticketId)).messages[0];
    const before = await call(`${base}/conversation`, { headers });
    expect(before.body.entries).toMatchObject([{ from: "requester", text: "Где мой заказ?" }]);

    const reply = { text: draft.text, draftId: draft.id, agent: { name: "Олег" } };
    expect((await call(`/v1/tickets/${ticketId}/replies`, { key, body: reply })).status).toBe(201);
    const { entries } = (await call(`${base}/conversation`, { headers })).body;
    expect(entries).toMatchObject([{}, { from: "agent", name: "Олег", text: draft.text }]);
    const newer = await call(`${base}/conversation?after=${entries[0].id}`, { headers });
    expect(newer.body.entries).toEqual([entries[1]]);

    const file = entries[0].attachments[0].id;
    const own = await call(`${base}/files/${file}`, { headers });
    expect(String(own.body)).toBe("file");
    const stranger = (await widgetPost("/session", {})).body.token;
    const foreign = await call(`${base}/files/${file}`, { headers: { authorization: `Bearer ${stranger}` } });
    expect(foreign.status).toBe(404);
  });

  test("its loader and its frame are served, and not sent again to whoever has them", async () => {
    for (const path of ["/loader.js", "/frame.html"]) {
      const first = await call(base + path);
      expect(first.status).toBe(200);
      const etag = first.headers.get("etag") ?? "";
      const again = await call(base + path, { headers: { "if-none-match": etag } });
      expect([again.status, again.body.length]).toEqual([304, 0]);
      const head = await call(base + path, { method: "HEAD" });
      expect([head.status, head.body.length]).toEqual([200, 0]);
    }
  });

  test("a post without a session, from another origin, or to an unknown address is refused", async () => {
    const { token } = (await widgetPost("/session", {})).body;
    const message = { id: randomUUID(), text: "Hello" };
    expect((await widgetPost("/messages", message)).status).toBe(401);
    const headers = { origin: "https://evil.example", authorization: `Bearer ${token}` };
    expect((await call(`${base}/messages`, { body: message, headers })).status).toBe(401);
    expect((await widgetPost("/elsewhere", message, token)).status).toBe(401);
    expect((await call(`${base}/nothing`)).status).toBe(404);
    for (const path of [
      "/connect/acme/none/x",
      "/connect/none/widget/x",
      "/connect/acme",
      "/connect/__proto__/x/y",
    ])
      expect((await call(path)).status).toBe(404);
  });

  test("a connector's own address takes posts, with the company's key where it asks for one", async () => {
    const body = { externalId: "by-connect", text: "Hello" };
    expect(await call("/connect/acme/second", { key, body })).toMatchObject({ status: 202 });
    expect((await call("/connect/acme/second", { body })).status).toBe(401);
    expect((await call("/connect/acme/second", { key: testKey("other"), body })).status).toBe(401);
    const { body: found } = await call("/v1/tickets?connector=second", { key });
    expect(found.tickets).toHaveLength(1);
  });
});

test("a company without an api connector is told to add one", async () => {
  await hub.project.write("config/companies/bare.yaml", `name: Bare\nkeys:\n  test: ${testKey("bare")}\n`);
  const loaded = await projectConfig(hub.project.dir, true).load();
  hub.node.directory.replace("bare", loaded.companies.get("bare") ?? null);
  const answer = await call("/v1/messages", { key: testKey("bare"), body: { text: "Hello" } });
  expect(answer).toMatchObject({ status: 404, body: { detail: expect.stringContaining("api: {}") } });
});
