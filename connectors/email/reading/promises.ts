/** What `mail.ts` promises of every mail, checked; for tests. */
import type { ParsedMail } from "../mail.ts";

const control = /\p{Cc}/u;
const steering = /[\u200e\u200f\u202a-\u202e\u2066-\u2069]/;

/** The promises that a mail breaks; empty where it keeps them all. */
export function brokenPromises(mail: ParsedMail): string[] {
  const broken: string[] = [];
  const must = (holds: boolean, what: string) => {
    if (!holds) broken.push(what);
  };
  const ids = [...mail.inReplyTo, ...mail.references, ...(mail.messageId === null ? [] : [mail.messageId])];
  must(
    ids.every((id) => id !== "" && !/[<>\s]/.test(id) && isSound(id)),
    "ids without brackets, never empty",
  );
  must(mail.references.length <= 200, "at most 200 references");
  const people = [...mail.from, ...mail.replyTo, ...mail.to, ...mail.cc];
  must(
    people.every(({ address }) => address !== "" && address === address.toLowerCase() && isSound(address)),
    "addresses",
  );
  must(
    people.every(({ name }) => name === null || (name !== "" && isSound(name))),
    "names of people",
  );
  must(
    mail.subject === null || (mail.subject.length <= 2_000 && mail.subject !== "" && isSound(mail.subject)),
    "subject",
  );
  const year = mail.date?.getUTCFullYear() ?? 2000;
  must(year >= 1970 && year < 2100, "date");
  const lines = [...mail.headers].flatMap(([name, values]) => values.map((value) => [name, value] as const));
  must(
    lines.length <= 200 && lines.every(([name, value]) => isSound(name + value) && value.length <= 2_000),
    "header lines",
  );
  must(
    lines.every(([name]) => name === name.toLowerCase()),
    "names of header lines",
  );
  for (const text of [mail.text, mail.html ?? ""])
    must(text.isWellFormed() && !text.includes("\u0000"), "storable text");
  must(mail.text.length <= 200_000, "length of the text");
  must((mail.html ?? "").length <= 1_000_000, "length of the HTML");
  for (const { name, mediaType, content, contentId } of mail.files) {
    must(
      name !== "" && name.length <= 255 && isSound(name) && !steering.test(name) && !/[/\\]|^\.*$/.test(name),
      `name ${name}`,
    );
    must(isMediaType(mediaType), `media type ${mediaType}`);
    must(
      content.byteLength > 0 && content.byteLength === content.buffer.byteLength,
      "a file of its own memory",
    );
    must(contentId === null || (contentId !== "" && !/[<>\s]/.test(contentId)), "content id");
  }
  must(isMediaType(mail.mediaType), `media type ${mail.mediaType}`);
  return broken;
}

function isSound(text: string): boolean {
  return text.isWellFormed() && !control.test(text);
}

function isMediaType(type: string): boolean {
  return /^[a-z\d][\w!#$&^.+-]*\/[a-z\d][\w!#$&^.+-]*$/.test(type);
}
