import { type ParsedMail, simpleParser } from "mailparser";
import { describe, expect, test } from "vitest";
import { stripReply } from "../stripping/strip.ts";
import { type ComposedMail, composeReply, type Sender } from "./compose.ts";
import { answerOf, markersOf } from "./drafts.ts";
import { aliasOf, canonicalAddress, ownAddresses, recipientsOf } from "./recipients.ts";
import { mailOriginSchema, originOf, readOrigin, toSourceData } from "./source-data.ts";
import { replySubject } from "./subject.ts";
import { type DraftChanges, testDraft, testOrigin, testSender } from "./test-delivery.ts";
import { guessLanguage, quote } from "./text.ts";

const at = new Date("2026-11-21T08:00:00Z");

async function compose(
  changes: DraftChanges = {},
  sender: Partial<Sender> = {},
): Promise<{ mail: ParsedMail; composed: ComposedMail; raw: string; head: string }> {
  const draft = testDraft(changes);
  const composed = await composeReply(testSender(sender), answerOf(draft), markersOf(draft), at);
  const raw = composed.raw.toString();
  return {
    mail: await simpleParser(composed.raw),
    composed,
    raw,
    head: raw.slice(0, raw.indexOf("\r\n\r\n")),
  };
}

const addresses = (field: ParsedMail["to"]) =>
  [field ?? []].flat().flatMap(({ value }) => value.map(({ address }) => address));

describe("an answer's thread", () => {
  test("names its parent and all before it", async () => {
    const origin = testOrigin({ references: ["first@x", "second@y"] });
    const { mail } = await compose({ origin });
    expect(mail.inReplyTo).toBe("<question-1@customer.example>");
    expect(mail.references).toEqual(["<first@x>", "<second@y>", "<question-1@customer.example>"]);
  });

  test("keeps the first and the newest ids of a long one", async () => {
    const references = Array.from({ length: 100 }, (_, i) => `mail-${i}@x`);
    const { mail } = await compose({ origin: testOrigin({ references }) });
    expect(mail.references).toHaveLength(40);
    expect(mail.references?.[0]).toBe("<mail-0@x>");
    expect(mail.references?.slice(-2)).toEqual(["<mail-99@x>", "<question-1@customer.example>"]);
  });

  test("leaves out ids that would break the header", async () => {
    const references = ["good@x", "bad id@x", "a@x>\r\nBcc: evil@x", "кириллица@x", "q@x"];
    const { mail, head } = await compose({ origin: testOrigin({ references, messageId: "q@x" }) });
    expect(mail.references).toEqual(["<good@x>", "<q@x>"]);
    expect(head).not.toMatch(/^Bcc/im);
  });

  test("has a Message-ID of its own, the same for every attempt and in no other company", async () => {
    const first = await compose();
    const again = await compose({ text: "Other words" });
    const other = await compose({}, { company: "other" });
    expect(first.mail.messageId).toMatch(/^<deskwire\.[0-9a-f]{40}@shop\.example>$/);
    expect(again.mail.messageId).toBe(first.mail.messageId);
    expect(other.mail.messageId).not.toBe(first.mail.messageId);
  });

  test("is begun anew where nothing is known of the mail", async () => {
    const { mail } = await compose({ origin: null });
    expect(mail.inReplyTo).toBeUndefined();
    expect(mail.references).toBeUndefined();
    expect(addresses(mail.to)).toEqual(["jane@customer.example"]);
    expect(mail.subject).toBe("Re: Where is my parcel?");
  });
});

describe("an answer's people", () => {
  const own = ownAddresses(["support@shop.example", "billing@shop.example", "hilfe@müller.de"]);
  const people = (...list: string[]) => list.map((address) => ({ name: null, address }));

  test("are all who got the mail, each once, without the company's own addresses", () => {
    const origin = testOrigin({
      from: people("jane@customer.example"),
      to: people("Support@Shop.Example", "bob@other.example", "billing+april@shop.example"),
      cc: people(
        "JANE@customer.example",
        "bob@OTHER.example",
        "hilfe@xn--mller-kva.de",
        "carl@third.example",
      ),
    });
    expect(recipientsOf(origin, null, own)).toEqual({
      to: people("jane@customer.example"),
      cc: people("bob@other.example", "carl@third.example"),
    });
  });

  test("are answered where they asked to be, also when a form wrote in the company's name", () => {
    const replyTo = people("office@customer.example", "support@shop.example");
    const from = people("support@shop.example");
    const { to } = recipientsOf(testOrigin({ from, replyTo }), null, own);
    expect(to).toEqual(people("office@customer.example"));
    const requester = { name: null, address: "jane@customer.example" };
    expect(recipientsOf(testOrigin({ from }), requester, own).to).toEqual([requester]);
  });

  test("nobody to answer to is an error for a person to see", async () => {
    const origin = testOrigin({ from: people("support@shop.example") });
    await expect(compose({ origin, ticket: { requester: {} } })).rejects.toMatchObject({
      kind: "permanent",
      message: expect.stringContaining("nobody to answer to"),
    });
  });

  test("the answer comes from the address that the mail came to, with the company's name", async () => {
    const toBilling = testOrigin({ to: people("x@y.example"), cc: people("billing+april@shop.example") });
    const { mail } = await compose({ origin: toBilling });
    expect(mail.from?.value).toEqual([{ name: "The Shop", address: "billing@shop.example" }]);
    expect(aliasOf(testOrigin({ deliveredTo: "billing@shop.example" }), own)).toBe("billing@shop.example");
    expect(aliasOf(testOrigin({ to: people("list@else.example") }), own)).toBe("support@shop.example");
    expect(aliasOf(testOrigin({ to: people("hilfe@xn--mller-kva.de") }), own)).toBe("hilfe@müller.de");
  });

  test("what is no address is left out", () => {
    for (const bad of [
      "",
      "x",
      "@x.example",
      "a b@x.example",
      "a@x y",
      "a@b\r\nBcc: c@d",
      "<a@b>",
      'a"b@c.example',
    ])
      expect(canonicalAddress(bad)).toBeNull();
    expect(canonicalAddress("Иван@Пример.рф")).toBe("иван@xn--e1afmkfd.xn--p1ai");
  });
});

describe("an answer's subject", () => {
  test.each([
    ["Where is my parcel?", "Re: Where is my parcel?"],
    ["Re: Parcel", "Re: Parcel"],
    ["RE: re: Parcel", "Re: Parcel"],
    ["AW: Paket", "Re: Paket"],
    ["Antwort: AW: Paket", "Re: Paket"],
    ["Отв: Посылка", "Re: Посылка"],
    ["НА: Посылка", "Re: Посылка"],
    ["HA: Посылка", "Re: Посылка"],
    ["Re[2]: Parcel", "Re: Parcel"],
    ["Re (3): Parcel", "Re: Parcel"],
    ["SV: Pakke", "Re: Pakke"],
    ["Fwd: Parcel", "Re: Fwd: Parcel"],
    ["Re: Fwd: Parcel", "Re: Fwd: Parcel"],
    ["[EXTERNAL] Re: Parcel", "Re: [EXTERNAL] Parcel"],
    ["Regarding: parcel", "Re: Regarding: parcel"],
    ["Haltung: x", "Re: Haltung: x"],
    ["", "Re:"],
    ["a\r\nBcc: evil@x", "Re: a Bcc: evil@x"],
  ])("of %j is %j", (subject, expected) => {
    expect(replySubject(subject, null)).toBe(expected);
  });

  test("may end with the ticket's code, once", () => {
    expect(replySubject("Parcel", "0123456789")).toBe("Re: Parcel [#0123456789]");
    expect(replySubject("Re: Parcel [#0123456789]", "0123456789")).toBe("Re: Parcel [#0123456789]");
    expect(replySubject("x".repeat(3_000), null).length).toBeLessThan(410);
  });
});

describe("an answer's text", () => {
  test("stands above the signature and the quoted original", async () => {
    const { mail } = await compose(
      { message: { quoted: "> earlier\n>> and before" } },
      { signature: "Your team\n+49 30 123" },
    );
    expect(mail.text).toBe(
      `It is on its way.

Your team
+49 30 123

On Fri, 20 Nov 2026 at 10:12, Jane Roe <jane@customer.example> wrote:
> Hello,
>
> where is my parcel?
>
>> earlier
>>> and before
`,
    );
  });

  test.each([
    ["ru", "пт, 20 нояб. 2026 г. в 13:12, Jane Roe <jane@customer.example> пишет:"],
    ["de", "Am Fr., 20. Nov. 2026 um 13:12 Uhr schrieb Jane Roe <jane@customer.example>:"],
    ["fr", "On Fri, 20 Nov 2026 at 13:12, Jane Roe <jane@customer.example> wrote:"],
  ])("says in %s who wrote what is quoted", async (language, line) => {
    const { mail } = await compose({ language }, { timeZone: "Europe/Moscow" });
    expect(mail.text?.split("\n")).toContain(line);
  });

  test.each(["en", "ru", "de"])(
    "is what our own stripping finds, when it comes back (%s)",
    async (language) => {
      const long = "Иван Петров, менеджер отдела закупок и продаж ООО «Ромашка и партнёры»";
      for (const name of [null, "Jane Roe", long]) {
        const address =
          name === long ? "ivan.petrov@a-customer-with-a-rather-long-name.example" : "jane@customer.example";
        const { mail } = await compose({ language, origin: testOrigin({ from: [{ name, address }] }) });
        expect(stripReply(mail.text ?? "").text).toBe("It is on its way.");
      }
    },
  );

  test("quotes with wrapped lines, and no more than a bounded part", () => {
    const lines = quote(`${"word ".repeat(60)}\n\nhttps://x.example/${"a".repeat(200)}`).split("\n");
    expect(lines.every((line) => line.length <= 80 || line.includes("https://"))).toBe(true);
    expect(lines.every((line) => line.startsWith(">"))).toBe(true);
    const long = quote("line of text\n".repeat(50_000));
    expect(long.length).toBeLessThan(26_000);
    expect(long.endsWith("> […]")).toBe(true);
    const started = performance.now();
    quote(" ".repeat(200_000) + ">".repeat(100_000));
    quote(`${"> ".repeat(100_000)}x`);
    expect(performance.now() - started).toBeLessThan(200);
  });

  test("tells Russian and German by their words", () => {
    expect(guessLanguage("Здравствуйте, посылка в пути")).toBe("ru");
    expect(guessLanguage("Добрий день, її вже відправлено")).toBeNull();
    expect(guessLanguage("Guten Tag, vielen Dank für Ihre Nachricht.")).toBe("de");
    expect(guessLanguage("Hello, the parcel is on its way. Is it in Berlin?")).toBeNull();
  });
});

describe("an answer's bytes", () => {
  test("are clean MIME: short ASCII lines with CRLF, one encoding, UTF-8", async () => {
    for (const text of [
      "Grüße aus Köln — 📦",
      "Посылка уже в пути. ".repeat(200),
      "x".repeat(5_000),
      "\u2028a\u0000b",
    ]) {
      const { raw, mail, head } = await compose({ text, message: { text: "ё".repeat(2_000) } });
      expect(raw).toMatch(/^[\t\r\n\x20-\x7e]*$/);
      expect(raw.replaceAll("\r\n", "")).not.toMatch(/[\r\n]/);
      expect(Math.max(...raw.split("\r\n").map((line) => line.length))).toBeLessThanOrEqual(200);
      expect(head).toMatch(/^Content-Type: text\/plain; charset=utf-8$/m);
      expect(head.match(/^Content-Transfer-Encoding:/gm)).toHaveLength(1);
      expect(mail.html).toBe(false);
      expect(mail.text).not.toMatch(/=[0-9A-F]{2}|=\?/);
      expect(mail.text).toContain(text.replaceAll("\u0000", "").replaceAll("\u2028", "").trim());
      expect(mail.text).toContain("ё".repeat(2_000));
    }
  });

  test("carry names and subjects of any script, and what hides in them does no harm", async () => {
    const evil = "x\r\nBcc: evil@evil.example\r\n\r\n<script>";
    const { mail, head } = await compose(
      {
        origin: testOrigin({
          from: [{ name: `Иван "Ваня" Петров, ООО ${evil}`, address: "ivan@пример.рф" }],
          to: [{ name: "support@shop.example", address: "boss@bank.example" }],
          cc: [{ name: evil, address: `a@b.example\r\nBcc: evil@evil.example` }],
          subject: `Где посылка? ${evil}`,
        }),
        ticket: { id: `t\r\nBcc: evil@evil.example` },
        key: evil,
      },
      { displayName: `Müller & Söhne, "GmbH" <evil@evil.example>\r\nBcc: evil@evil.example` },
    );
    expect(mail.bcc).toBeUndefined();
    expect(head).not.toMatch(/^(?:Bcc|<script)/im);
    expect(addresses(mail.to)).toEqual(["ivan@пример.рф"]);
    expect(addresses(mail.cc)).toEqual(["boss@bank.example"]);
    expect(addresses(mail.from)).toEqual(["support@shop.example"]);
    expect(mail.subject).toBe("Re: Где посылка? x Bcc: evil@evil.example <script>");
    expect(mail.cc && [mail.cc].flat()[0]?.value[0]?.name).toBe("");
    expect(mail.headers.get("x-deskwire-ticket")).toMatch(/^sha256-[0-9a-f]{64}$/);
  });
});

describe("what is stored with a message", () => {
  const mail = {
    messageId: "q@x",
    inReplyTo: ["p@x"],
    references: [],
    from: [{ name: "Jane", address: "jane@x.example" }],
    replyTo: [],
    to: Array.from({ length: 500 }, (_, i) => ({
      name: "n".repeat(300),
      address: `${"a".repeat(200)}${i}@x.example`,
    })),
    cc: Array.from({ length: 500 }, (_, i) => ({ name: 'ё"\\'.repeat(99), address: `c${i}@x.example` })),
    subject: "s".repeat(2_000),
    date: at,
    headers: new Map(),
    text: "",
    html: null,
    files: [],
    leftOut: [],
    mediaType: "text/plain",
    reportType: null,
    encrypted: false,
  };

  test("fits, however many the recipients are, and reads the same again", () => {
    const origin = originOf(mail, "support@shop.example");
    const stored = toSourceData(origin);
    expect(JSON.stringify(stored).length).toBeLessThan(65_000);
    expect(readOrigin(JSON.parse(JSON.stringify(stored)))).toEqual(mailOriginSchema.parse(origin));
    expect(origin.references).toEqual(["p@x"]);
    expect(origin.to.length).toBeGreaterThan(5);
    const many = Array.from({ length: 200 }, (_, i) => `${"r".repeat(500)}${i}@x`);
    expect(JSON.stringify(originOf({ ...mail, references: many }, null)).length).toBeLessThan(65_000);
  });

  test("is passed over where another version wrote it", () => {
    expect(readOrigin({ mailOrigin: { messageId: 5 } })).toBeNull();
    expect(readOrigin(null)).toBeNull();
  });
});
