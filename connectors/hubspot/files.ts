/** Files that came with a message: loaded, or left out with a reason where they cannot be had. */
import { describeError, isConnectorError, kindOf } from "../../plugins/contract/errors.ts";
import type { Attachment } from "../../plugins/contract/events.ts";
import { oneLine } from "../../plugins/toolkit/plain.ts";
import type { HubspotClient } from "./client.ts";
import type { Message } from "./schemas.ts";

/** So often a file may fail before it is left out: one that will never come must not keep all others from being read. */
const mostTries = 4;
/** The most files of one message. */
const mostFiles = 50;

const mediaTypes: Readonly<Record<string, string>> = {
  csv: "text/csv",
  docx: "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
  gif: "image/gif",
  jpeg: "image/jpeg",
  jpg: "image/jpeg",
  json: "application/json",
  mp3: "audio/mpeg",
  mp4: "video/mp4",
  pdf: "application/pdf",
  png: "image/png",
  txt: "text/plain",
  webp: "image/webp",
  xlsx: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
  zip: "application/zip",
};

export interface Files {
  readonly attachments: Attachment[];
  /** Told with the message, so that nobody takes it for whole. */
  readonly leftOut: Array<{ name: string; reason: string }>;
}

/** HubSpot names no media type: the name's ending does. */
function mediaTypeOf(name: string): string {
  const ending = /\.([a-z0-9]{1,8})$/i.exec(name)?.[1]?.toLowerCase() ?? "";
  return mediaTypes[ending] ?? "application/octet-stream";
}

/** Why a file will not be had by asking again; undefined where it may. */
function lastingReason(client: HubspotClient, key: string, error: unknown): string | undefined {
  const status = isConnectorError(error) ? error.status : undefined;
  if (status !== undefined && [401, 403, 404, 410].includes(status)) return `HubSpot answered ${status}`;
  if (["permanent", "config"].includes(kindOf(error))) return describeError(error);
  // A file that gets a 429 each time would hold up all others. Where the hub's own limit is used up, nobody has answered.
  if (kindOf(error) !== "transient" && status !== 429) return undefined;
  const tries = (client.stubborn.get(key) ?? 0) + 1;
  client.stubborn.set(key, tries);
  return tries >= mostTries ? `it failed ${tries} times: ${describeError(error)}` : undefined;
}

/**
 * Loads a message's files, one after the other.
 * @throws what may pass: the whole page is read again then
 */
export async function loadFiles(
  client: HubspotClient,
  message: Message,
  signal: AbortSignal,
): Promise<Files> {
  const files: Files = { attachments: [], leftOut: [] };
  const { log, config } = client.ctx;
  const given = (message.attachments ?? []).filter(({ type }) => type === "FILE");
  for (const [index, { name, fileId, url }] of given.entries()) {
    const shown = oneLine(name ?? "", 255) || `file-${oneLine(fileId ?? String(index + 1), 100)}`;
    const leaveOut = (reason: string) => {
      log.warn("a file was left out", { message: message.id, file: shown, reason });
      files.leftOut.push({ name: shown, reason: reason.slice(0, 300) });
    };
    if (index >= mostFiles) {
      leaveOut(`a message has at most ${mostFiles} files`);
      continue;
    }
    if (!url) {
      leaveOut("HubSpot gives no address for it");
      continue;
    }
    const key = `${message.id} ${fileId ?? index}`;
    try {
      const content = await client.api.download(url, config.maxBytes, signal);
      files.attachments.push({ name: shown, mediaType: mediaTypeOf(shown), content });
    } catch (error) {
      signal.throwIfAborted();
      const reason = lastingReason(client, key, error);
      if (reason === undefined) throw error;
      leaveOut(reason);
    }
  }
  return files;
}
