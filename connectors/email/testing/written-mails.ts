/** Mails as customers, agents and their programs write them, and their text as a person reads it. */
import { simpleParser } from "mailparser";
import MailComposer from "nodemailer/lib/mail-composer";
import type { CustomerMessage } from "../../../plugins/kit/world.ts";

const idOf = (key: string) => `<${key}@customer.example>`;

/** A customer's mail; one that goes on with a thread names the mail that opened it. */
export function customerMail(message: CustomerMessage, to: string): Promise<Buffer> {
  const { key, thread, from, subject, text, files } = message;
  const first = thread === key ? [] : [idOf(thread)];
  const composer = new MailComposer({
    from: { name: from.name, address: from.email },
    to,
    subject,
    text,
    messageId: idOf(key),
    inReplyTo: first.join(),
    references: first,
    attachments: files.map(({ name, mediaType, content }) => {
      return { filename: name, contentType: mediaType, content: Buffer.from(content) };
    }),
    newline: "windows",
  });
  return composer.compile().build();
}

/** An agent's answer, from a mail program of their own. */
export function agentMail(
  { key, thread, from, subject }: CustomerMessage,
  text: string,
  own: string,
): Promise<Buffer> {
  const composer = new MailComposer({
    from: { name: "Kim of Acme", address: own },
    to: { name: from.name, address: from.email },
    subject: `Re: ${subject}`,
    text: `${text}\n\n${from.name} wrote:\n> Where is my parcel?\n`,
    inReplyTo: idOf(key),
    references: [...new Set([thread, key])].map(idOf),
    newline: "windows",
  });
  return composer.compile().build();
}

/** What is no mail: not a single header line. */
export const noMail = (key: string) => `No header names who wrote this, ${key}\r\nnor to whom.\r\n`;

/**
 * A draft with another text, as mail programs save it: most drop headers that they do not know, some keep them.
 */
export async function editedDraft(raw: Buffer, text: string, keepHeaders: boolean): Promise<string> {
  const { head } = split(raw);
  const kept = unfolded(head).filter(
    (line) => !/^(Content-|MIME-Version:)/i.test(line) && (keepHeaders || !/^X-/i.test(line)),
  );
  return [
    ...kept,
    "MIME-Version: 1.0",
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: base64",
    "",
    Buffer.from(text).toString("base64"),
    "",
  ].join("\r\n");
}

function split(raw: Buffer): { head: string } {
  const text = raw.toString("latin1");
  return { head: text.slice(0, text.indexOf("\r\n\r\n")) };
}

/** Header fields, each with its further lines. */
const unfolded = (head: string) => head.split(/\r\n(?![ \t])/);

export async function textOf(raw: Buffer): Promise<string> {
  return (await simpleParser(raw)).text ?? "";
}
