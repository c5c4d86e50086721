/** A visitor's post, checked against the widget's limits and turned into a message. */
import { z } from "zod";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import type { ConnectorEventInput } from "../../plugins/contract/events.ts";
import { storableText } from "../../plugins/contract/events.ts";
import type { WidgetConfig } from "./config.ts";
import type { Session } from "./session.ts";

/** The longest text that a visitor may send, in characters; the frame's text field has the same limit. */
export const maxVisitorText = 10_000;

/** Linear in the length: a pattern with groups would overflow the stack on megabytes. */
const base64Alphabet = /^[A-Za-z0-9+/]*={0,2}$/;

export const visitorBody = z.strictObject({
  id: z.uuid().describe("Made by the frame, so that a repeated post is not a second message."),
  text: storableText(maxVisitorText).describe("May be empty where files are attached."),
  attachments: z
    .array(
      z.strictObject({
        name: storableText(255).min(1),
        mediaType: storableText(255).optional(),
        content: z.string().refine((value) => value.length % 4 === 0 && base64Alphabet.test(value), {
          error: "expected base64",
        }),
      }),
    )
    .default([]),
});

export type VisitorBody = z.output<typeof visitorBody>;

function refuse(message: string): never {
  throw new ConnectorError("permanent", message);
}

/** Reads a post's JSON. Throws a ConnectorError (`permanent`) where it cannot be read. */
export function readPost(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes));
  } catch (cause) {
    const said = cause instanceof Error ? cause.message : String(cause);
    return refuse(`The message could not be read: ${said}`);
  }
}

function file(given: VisitorBody["attachments"][number], config: WidgetConfig) {
  const content = new Uint8Array(Buffer.from(given.content, "base64"));
  if (content.byteLength > config.maxFileBytes) {
    refuse(
      `The file "${given.name}" is too large: ${size(content.byteLength)}, and the limit is ${size(config.maxFileBytes)}.`,
    );
  }
  return { name: given.name, ...(given.mediaType ? { mediaType: given.mediaType } : {}), content };
}

/** Bytes for people. */
export function size(bytes: number): string {
  return bytes < 1_000_000 ? `${Math.ceil(bytes / 1_000)} kB` : `${(bytes / 1_000_000).toFixed(1)} MB`;
}

/** The event for a visitor's post. Throws a ConnectorError (`permanent`), worded for the visitor, where a limit is passed. */
export function toMessage(body: VisitorBody, session: Session, config: WidgetConfig): ConnectorEventInput {
  const { attachments } = body;
  if (attachments.length > config.maxFiles) {
    refuse(
      `Too many files: ${attachments.length}, and at most ${config.maxFiles} can be sent with a message.`,
    );
  }
  const typed = body.text.trim() === "" ? "" : body.text;
  if (typed === "" && attachments.length === 0)
    refuse("The message is empty: write something or attach a file.");
  const { thread, name, email, sub } = session;
  return {
    kind: "message",
    externalId: `${thread}:${body.id}`,
    threadId: thread,
    text: typed || attachments.map((given) => `[file: ${given.name}]`).join("\n"),
    requester: {
      ...(name === undefined ? {} : { name }),
      ...(email === undefined ? {} : { email }),
      externalId: sub ?? thread,
    },
    attachments: attachments.map((given) => file(given, config)),
  };
}
