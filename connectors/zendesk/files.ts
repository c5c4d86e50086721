/** Attachments of comments: loaded from wherever they lie, without credentials for others. */

import { ConnectorError, isConnectorError } from "../../plugins/contract/errors.ts";
import type { Attachment } from "../../plugins/contract/events.ts";
import { cut, oneLine, saneMediaType } from "../../plugins/toolkit/plain.ts";
import type { Client } from "./client.ts";
import { type Comment, type FileLink, userAnswer } from "./schema.ts";

export interface Files {
  attachments: Attachment[];
  /** Names of those that cannot be had, with the reason. */
  missing: string[];
}

const nameOf = ({ file_name, id }: FileLink) => oneLine(file_name ?? "", 255) || `file-${id ?? "unnamed"}`;

/** Why a file is not worth asking for. */
function refusal(file: FileLink, maxBytes: number): string | null {
  const { content_url, deleted, malware_scan_result, size } = file;
  if (!content_url) return "it has no address";
  if (deleted) return "deleted";
  if (malware_scan_result === "malware_found") return "malware was found in it";
  return (size ?? 0) > maxBytes ? `larger than ${maxBytes} bytes` : null;
}

/** Whoever has a file's address may load it: that is told nowhere. */
function reasonOf({ status, kind, message }: ConnectorError): string {
  if (status !== undefined) return `its host answered ${status}`;
  return kind === "permanent" ? cut(message, 200) : "its host did not answer";
}

/** Whether credentials that a file's host refused are good for the account all the same. */
async function isLetIn({ api }: Client, signal?: AbortSignal): Promise<boolean> {
  return (await api.get("/api/v2/users/me", userAnswer, { signal })).user.id !== null;
}

async function isFinal(client: Client, error: ConnectorError, key: string, signal?: AbortSignal) {
  if (error.kind === "permanent" || error.status === 403) return true;
  if (error.status === 401) return isLetIn(client, signal);
  return ["transient", "rate_limited"].includes(error.kind) && client.patience.isOver("file", key);
}

/** A file that will never be had is left out, and its message goes on; any other failure is thrown, so that it is tried again. */
async function load(client: Client, file: FileLink, key: string, signal?: AbortSignal) {
  const { maxFileBytes } = client.ctx.config;
  const why = refusal(file, maxFileBytes);
  if (why !== null) return why;
  try {
    const content =
      client.files.get(key) ?? (await client.api.download(file.content_url ?? "", maxFileBytes, signal));
    client.remember(key, content);
    client.patience.had("file", key);
    return content;
  } catch (error) {
    if (!isConnectorError(error)) throw error;
    const { kind, status, retryAfterMs } = error;
    const reason = reasonOf(error);
    const told = `the file ${key} could not be loaded: ${reason}`;
    if (!(await isFinal(client, error, key, signal)))
      throw new ConnectorError(kind, told, {
        ...(status !== undefined && { status }),
        ...(retryAfterMs !== undefined && { retryAfterMs }),
      });
    client.ctx.log.warn(`${told}. Its message goes on without it`);
    return reason;
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
