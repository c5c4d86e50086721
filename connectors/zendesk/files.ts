/** Attachments of comments: loaded from wherever they lie, without credentials for others. */

import { describeError, isConnectorError } from "../../plugins/contract/errors.ts";
import type { Attachment } from "../../plugins/contract/events.ts";
import { cut, oneLine, saneMediaType } from "../../plugins/toolkit/plain.ts";
import type { Client } from "./client.ts";
import type { Comment, FileLink } from "./schema.ts";

export interface Files {
  attachments: Attachment[];
  /** Names of those that cannot be had, with the reason. */
  missing: string[];
}

const nameOf = ({ file_name, id }: FileLink) => oneLine(file_name ?? "", 255) || `file-${id ?? "unnamed"}`;

/** Why a file is not worth asking for. */
function refusal({ deleted, malware_scan_result, size }: FileLink, maxBytes: number): string | null {
  if (deleted) return "deleted";
  if (malware_scan_result === "malware_found") return "malware was found in it";
  return (size ?? 0) > maxBytes ? `larger than ${maxBytes} bytes` : null;
}

/** A file that will never be had is left out, and its message goes on; any other failure is thrown, so that it is tried again. */
async function load(client: Client, file: FileLink, key: string, signal?: AbortSignal) {
  const { maxFileBytes } = client.ctx.config;
  const why = refusal(file, maxFileBytes);
  if (why !== null) return why;
  try {
    const content =
      client.files.get(key) ?? (await client.api.download(file.content_url, maxFileBytes, signal));
    client.remember(key, content);
    return content;
  } catch (error) {
    const isFinal = isConnectorError(error) && (error.kind === "permanent" || error.status === 403);
    if (!isFinal) throw error;
    client.ctx.log.warn("an attachment could not be loaded", { error: describeError(error) });
    return cut(describeError(error), 200);
  }
}

export async function loadFiles(client: Client, comment: Comment, signal?: AbortSignal): Promise<Files> {
  const files: Files = { attachments: [], missing: [] };
  for (const [index, file] of (comment.attachments ?? []).slice(0, 100).entries()) {
    const content = await load(client, file, `${comment.id}/${file.id ?? index}`, signal);
    const name = nameOf(file);
    if (typeof content === "string") files.missing.push(`${name}: ${content}`);
    else
      files.attachments.push({
        name,
        mediaType: saneMediaType(file.content_type, "application/octet-stream"),
        content,
      });
  }
  return files;
}
