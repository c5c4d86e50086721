import { readFile } from "node:fs/promises";
import { describe, expect, test } from "vitest";
import { ownAddresses } from "./delivery/recipients.ts";
import { createSenderCap, guard, skipReasons } from "./guard.ts";
import { testMail } from "./testing/test-mail.ts";

const own = ownAddresses(["support@acme.example"]);
const headers = (lines: Record<string, string>) => ({
  headers: new Map(Object.entries(lines).map(([name, value]) => [name, [value]])),
});
const from = (address: string) => ({ from: [{ name: null, address }] });

describe("a mail that wants no answer", () => {
  test.each([
    ["auto-submitted", headers({ "auto-submitted": "auto-replied" })],
    ["auto-submitted", headers({ "auto-submitted": "Auto-Generated; owner-email=x@y.example" })],
    ["auto-submitted", headers({ "x-auto-response-suppress": "DR, OOF, AutoReply" })],
    ["auto-submitted", headers({ precedence: "auto_reply" })],
    ["auto-submitted", headers({ "x-autoreply": "yes" })],
    ["auto-submitted", headers({ "return-path": "<>" })],
    ["mailing-list", headers({ precedence: "Bulk" })],
    ["mailing-list", headers({ precedence: "junk" })],
    ["mailing-list", headers({ "list-id": "News <news.shop.example>" })],
    ["mailing-list", headers({ "list-unsubscribe": "<https://shop.example/off>" })],
    ["bounce", { mediaType: "multipart/report", reportType: "delivery-status" }],
    ["bounce", { mediaType: "multipart/report", reportType: null }],
    ["bounce", headers({ "x-failed-recipients": "ann@customer.example" })],
    ["bounce", from("mailer-daemon@mx.example")],
    ["receipt", { mediaType: "multipart/report", reportType: "disposition-notification" }],
    ["auto-reply", { subject: "Automatic reply: Your parcel" }],
    ["auto-reply", { subject: "Abwesenheitsnotiz: Rechnung" }],
    ["auto-reply", { subject: "Автоответ: Заказ 12" }],
    ["auto-reply", { subject: "Out of office" }],
    ["no-reply", from("no-reply@shop.example")],
    ["no-reply", from("donotreply+42@shop.example")],
    ["no-reply", { from: [], replyTo: [] }],
    ["own-mail", from("support@acme.example")],
    ["encrypted", { encrypted: true }],
  ])("is kept without a draft: %s %#", (reason, fields) => {
    expect(guard(testMail(fields), own)).toBe(reason);
  });
});

describe("a customer's mail", () => {
  test.each([
    [{}],
    [headers({ "auto-submitted": "no" })],
    [headers({ "auto-submitted": "No (a person wrote this)" })],
    [headers({ precedence: "first-class" })],
    [headers({ "x-auto-response-suppress": "None" })],
    [headers({ "x-auto-response-suppress": "DR, NDR, RN, NRN" })],
    [headers({ "return-path": "<ann@customer.example>" })],
    [{ subject: "Autoresponder of your shop does not work" }],
    [{ subject: "Automatic reply" + "er broken" }],
    [{ subject: "Отсутствуют детали в заказе" }],
    [from("noreen@customer.example")],
    [{ ...from("no-reply@form.example"), replyTo: [{ name: null, address: "ann@customer.example" }] }],
    [{ ...from("support@acme.example"), replyTo: [{ name: null, address: "ann@customer.example" }] }],
    [
      headers({
        "list-id": "<support.acme.example>",
        precedence: "list",
        "list-post": "<mailto:x@y.example>",
      }),
    ],
    [headers({ "list-post": "<mailto:support@acme.example>", "list-unsubscribe": "<mailto:x@y.example>" })],
  ])("gets a draft %#", (fields) => {
    expect(guard(testMail(fields), own)).toBeNull();
  });
});

describe("the cap of a sender", () => {
  const at = (minutes: number) => new Date(Date.UTC(2026, 10, 23, 12, minutes));

  test("lets through so many within an hour, and again when it is over", () => {
    const cap = createSenderCap(3);
    const exceeded = [0, 1, 2, 3, 4].map((n) => cap.exceeded("robot@x.example", `m${n}`, at(n)));
    expect(exceeded).toEqual([false, false, false, true, true]);
    expect(cap.exceeded("ann@x.example", "a", at(4))).toBe(false);
    expect(cap.exceeded("robot@x.example", "m9", at(70))).toBe(false);
  });

  test("counts a mail that is read again once, and answers as before", () => {
    const cap = createSenderCap(2);
    const read = () => ["a", "b", "c"].map((id) => cap.exceeded("robot@x.example", id, at(0)));
    expect(read()).toEqual([false, false, true]);
    expect(read()).toEqual([false, false, true]);
  });

  test("goes by the time at which mails came in: those of a long outage are not taken for a flood", () => {
    const cap = createSenderCap(2);
    const days = [0, 1, 2, 3].map((day) => cap.exceeded("ann@x.example", `m${day}`, at(day * 1_440)));
    expect(days).toEqual([false, false, false, false]);
  });
});

test("every reason is in the operators' documentation", async () => {
  const page = await readFile(new URL("../../docs/connectors/email.md", import.meta.url), "utf8");
  for (const reason of Object.keys(skipReasons)) expect(page).toContain(`\`${reason}\``);
});
