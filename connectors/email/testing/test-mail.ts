/** Mails for tests, as the reading hands them on. */
import type { ParsedMail } from "../mail.ts";

/** A customer's ordinary mail, with other fields where a test says so. */
export function testMail(fields: Partial<ParsedMail> = {}): ParsedMail {
  return {
    messageId: "first@customer.example",
    inReplyTo: [],
    references: [],
    from: [{ name: "Ann Smith", address: "ann@customer.example" }],
    replyTo: [],
    to: [{ name: null, address: "support@acme.example" }],
    cc: [],
    subject: "Where is my parcel?",
    date: new Date("2026-11-20T10:12:00Z"),
    headers: new Map([["date", ["Fri, 20 Nov 2026 10:12:00 +0000"]]]),
    text: "Order 123 has not come.\n",
    html: null,
    files: [],
    leftOut: [],
    mediaType: "text/plain",
    reportType: null,
    encrypted: false,
    ...fields,
  };
}
