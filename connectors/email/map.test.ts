import { describe, expect, test } from "vitest";
import { type ConnectorEventInput, connectorEventSchema } from "../../plugins/contract/events.ts";
import { ownAddresses } from "./delivery/recipients.ts";
import { createSenderCap } from "./guard.ts";
import type { ParsedMail } from "./mail.ts";
import { mailKey, toEvents } from "./map.ts";
import type { RawMail } from "./raw-mail.ts";
import { testMail } from "./testing/test-mail.ts";

const bytes = (text: string) => new Uint8Array(new TextEncoder().encode(text));
const raw = bytes("Subject: x\r\n\r\nOrder 123 has not come.\r\n");
const found = (fields: Partial<RawMail> = {}): RawMail => ({
  role: "inbox",
  internalDate: new Date("2026-11-20T10:12:05Z"),
  folder: "INBOX",
  uid: 1,
  uidValidity: "1",
  size: raw.length,
  raw,
  ...fields,
});
const settings = (agents: string[] = []) => ({
  own: ownAddresses(["support@acme.example"]),
  agents,
  cap: createSenderCap(30),
});
const people = (...addresses: string[]) => addresses.map((address) => ({ name: null, address }));

/** The events of a mail, each checked against the contract. */
function events(mail: Partial<ParsedMail>, from: Partial<RawMail> = {}, agents: string[] = []) {
  return toEvents(testMail(mail), found(from), settings(agents)).map((event) => {
    connectorEventSchema.parse(event);
    return event;
  });
}
const only = (list: ConnectorEventInput[]) => {
  expect(list).toHaveLength(1);
  return list[0] as ConnectorEventInput;
};

describe("a customer's mail", () => {
  test("becomes a message with what its thread is found by", () => {
    const event = only(
      events({
        messageId: "b@customer.example",
        references: ["a@customer.example"],
        inReplyTo: ["r@acme.example"],
        cc: people("bob@customer.example", "support@acme.example"),
        subject: "Re: Where is my parcel? [#3F9A1C22DE]",
        text: "Still nothing.\n\nOn 20 Nov 2026, at 10:12, Support <support@acme.example> wrote:\n> On its way.\n",
      }),
    );
    expect(event).toMatchObject({
      kind: "message",
      text: "Still nothing.",
      quoted: expect.stringContaining("> On its way."),
      requester: { name: "Ann Smith", email: "ann@customer.example" },
      thread: {
        id: "b@customer.example",
        references: ["a@customer.example", "r@acme.example"],
        participants: ["ann@customer.example", "bob@customer.example"],
        ticketCode: "3f9a1c22de",
      },
      sentAt: new Date("2026-11-20T10:12:00Z"),
      raw,
    });
    expect(event).not.toHaveProperty("skip");
  });

  test("sent by a contact form in the mailbox's own name is its writer's, who stands in Reply-To", () => {
    const mail = { from: people("support@acme.example"), replyTo: people("ann@customer.example") };
    expect(only(events(mail))).toMatchObject({
      kind: "message",
      requester: { email: "ann@customer.example" },
    });
    expect(only(events(mail))).not.toHaveProperty("skip");
  });

  test("without any text is told by its subject and its files", () => {
    const file = {
      name: "crack.jpg",
      mediaType: "image/jpeg",
      content: bytes("x"),
      contentId: "c1@x",
      inline: true,
    };
    const event = only(events({ text: " \n", subject: "Broken", files: [file] }));
    expect(event).toMatchObject({
      text: "Broken\n\n[crack.jpg]",
      attachments: [{ name: "crack.jpg", contentId: "c1@x" }],
    });
    expect(only(events({ text: "", subject: null }))).toMatchObject({ text: "(empty mail)" });
  });

  test("with a date from the future, or none, is dated by the server", () => {
    const internalDate = new Date("2026-11-20T10:12:05Z");
    for (const date of [new Date("2099-01-01T00:00:00Z"), new Date("2026-11-20T13:12:00Z"), null]) {
      expect(only(events({ date }))).toMatchObject({ sentAt: internalDate });
    }
  });

  test("that is too large is kept by its header, without a draft", () => {
    expect(only(events({ text: "" }, { size: 90_000_000, raw: null, header: raw }))).toMatchObject({
      text: "Where is my parcel?",
      skip: "too-large",
    });
  });

  test("of a machine is kept with the reason why it gets no draft", () => {
    const headers = new Map([["auto-submitted", ["auto-replied"]]]);
    expect(only(events({ headers }))).toMatchObject({ kind: "message", skip: "auto-submitted" });
  });

  test("that is one too many of its sender is kept without a draft", () => {
    const many = { ...settings(), cap: createSenderCap(2) };
    const skips = ["a", "b", "c"].map((messageId) => {
      const [event] = toEvents(testMail({ messageId }), found(), many);
      return event?.kind === "message" ? event.skip : "no message";
    });
    expect(skips).toEqual([undefined, undefined, "sender-cap"]);
  });
});

describe("an agent's mail", () => {
  const answer = {
    messageId: "r@acme.example",
    from: people("support@acme.example"),
    to: people("ann@customer.example"),
    inReplyTo: ["first@customer.example"],
    text: "It is on its way.\n\nAm 20.11.26 um 10:12 schrieb Ann Smith:\n> Order 123 has not come.\n",
  };

  test("in Sent is a reply in the thread of what it answers", () => {
    expect(only(events(answer, { role: "sent" }))).toMatchObject({
      kind: "agent-reply",
      text: "It is on its way.",
      agent: { email: "support@acme.example" },
      thread: { references: ["first@customer.example"], participants: ["ann@customer.example"] },
    });
  });

  test("names the draft that it was made from, where its program kept our header", () => {
    const draftId = "0193a5b0-0000-7000-8000-000000000001";
    const headers = new Map([["x-deskwire-id", [draftId]]]);
    expect(only(events({ ...answer, headers }, { role: "sent" }))).toMatchObject({ draftId });
  });

  test("that comes to the mailbox as a copy is a reply too, from whichever address it is written", () => {
    const copy = { ...answer, from: people("jane@acme.example"), cc: people("support@acme.example") };
    expect(only(events(copy, {}, ["@acme.example"])).kind).toBe("agent-reply");
    expect(only(events(copy)).kind).toBe("message");
  });

  test("that answers nothing, or only to colleagues, is a message like any other", () => {
    const own = { from: people("jane@acme.example"), to: people("support@acme.example"), inReplyTo: [] };
    expect(only(events(own, {}, ["@acme.example"])).kind).toBe("message");
    expect(only(events({ ...own, inReplyTo: ["a@b"] }, {}, ["@acme.example"])).kind).toBe("message");
  });

  test("in Sent to nobody outside, or written by a machine, is no reply", () => {
    expect(
      events({ ...answer, to: people("jane@acme.example") }, { role: "sent" }, ["@acme.example"]),
    ).toEqual([]);
    const headers = new Map([["auto-submitted", ["auto-replied"]]]);
    expect(events({ ...answer, headers }, { role: "sent" })).toEqual([]);
  });

  test("that Deskwire itself has sent is passed over, wherever it comes back", () => {
    const passed = (name: string, value: string, role: "inbox" | "sent") =>
      events({ ...answer, headers: new Map([[name, [value]]]) }, { role });
    expect(passed("x-deskwire-notice", "x", "inbox")).toEqual([]);
    expect(passed("x-deskwire-notice", "x", "sent")).toEqual([]);
    expect(passed("x-deskwire-reply", "x", "inbox")).toEqual([]);
    expect(passed("x-deskwire-reply", `sha256-${"0".repeat(64)}`, "sent")).toEqual([]);
  });

  test("that the API has sent is read back from Sent under its own id, so that answers to it find their ticket", () => {
    const headers = new Map([["x-deskwire-reply", ["approved-1"]]]);
    expect(only(events({ ...answer, headers }, { role: "sent" }))).toMatchObject({
      kind: "agent-reply",
      externalId: "approved-1",
      thread: { id: answer.messageId },
    });
  });
});

describe("a mail of another company that uses Deskwire", () => {
  test("is a message", () => {
    for (const name of ["x-deskwire-reply", "x-deskwire-notice"]) {
      const event = only(events({ headers: new Map([[name, ["x"]]]) }));
      expect(event).toMatchObject({ kind: "message" });
    }
  });
});

describe("the key of a mail", () => {
  const key = (fields: Partial<ParsedMail>, body = raw) => mailKey(testMail(fields), body);

  test("is the same wherever its copies lie", () => {
    const moved = bytes("Received: by another\r\nSubject: x\r\n\r\nOrder 123 has not come.\r\n");
    expect(key({}, moved)).toBe(key({}));
    expect(key({ messageId: null }, moved)).toBe(key({ messageId: null }));
  });

  test("tells mails apart that share a Message-ID, or have none", () => {
    expect(key({ subject: "Another" })).not.toBe(key({}));
    const another = bytes("Subject: x\r\n\r\nOrder 124 has not come.\r\n");
    expect(key({ messageId: null }, another)).not.toBe(key({ messageId: null }));
  });

  test("stays within the contract's length", () => {
    expect(key({ messageId: "x".repeat(5_000) }).length).toBeLessThanOrEqual(512);
  });
});
