/** Parts of a mail as files: names that can be shown and stored, in the number that is allowed. */

import { cut } from "../../../plugins/toolkit/plain.ts";
import type { MailFile } from "../mail.ts";

/** Direction overrides make `exe.pdf` out of `fdp.exe`; the rest of these cannot be seen at all. */
const unseen = /[\p{Cc}\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]/gu;

const extensions: Readonly<Record<string, string>> = {
  "application/json": "json",
  "application/msword": "doc",
  "application/ms-tnef": "dat",
  "application/pdf": "pdf",
  "application/pgp-encrypted": "asc",
  "application/pkcs7-mime": "p7m",
  "application/x-pkcs7-mime": "p7m",
  "application/zip": "zip",
  "audio/mpeg": "mp3",
  "image/gif": "gif",
  "image/jpeg": "jpg",
  "image/jpg": "jpg",
  "image/png": "png",
  "image/svg+xml": "svg",
  "image/webp": "webp",
  "message/rfc822": "eml",
  "message/global": "eml",
  "text/calendar": "ics",
  "text/csv": "csv",
  "text/html": "html",
  "text/plain": "txt",
  "text/rfc822-headers": "txt",
  "text/vcard": "vcf",
  "text/x-vcard": "vcf",
  "video/mp4": "mp4",
};

/** The media type that a file's name stands for. */
export function typeOfName(name: string): string {
  const extension = /\.([^.]{1,10})$/.exec(name)?.[1]?.toLowerCase();
  return Object.keys(extensions).find((type) => extensions[type] === extension) ?? "application/octet-stream";
}

/**
 * A name without folders and hidden signs, 255 characters at most; where nothing is left, `fallback` with the extension
 * of the type.
 */
export function safeFileName(name: string | null, mediaType: string, fallback: string): string {
  const last =
    (name ?? "")
      .replace(unseen, "")
      .split(/[/\\]/)
      .filter((part) => part.trim() !== "")
      .at(-1) ?? "";
  const clean = last
    .toWellFormed()
    .trim()
    .replace(/[. ]+$/, "");
  if (/^\.*$/.test(clean)) return `${fallback}.${extensions[mediaType] ?? "bin"}`;
  if (clean.length <= 255) return clean;
  const extension = /\.[^.]{1,20}$/.exec(clean)?.[0] ?? "";
  return cut(clean, 255 - extension.length) + extension;
}

/** A list of files that knows its limit. */
export interface FileList {
  add(
    file: {
      name: string | null;
      mediaType: string;
      content: Buffer;
      contentId: string | null;
      inline: boolean;
    },
    fallback?: string,
  ): void;
  readonly files: MailFile[];
  readonly leftOut: string[];
}

/** Takes `maxFiles` files; empty ones are not kept, those above the limit are named in `leftOut`. */
export function fileList(maxFiles: number): FileList {
  const files: MailFile[] = [];
  const leftOut: string[] = [];
  return {
    files,
    leftOut,
    add(file, fallback) {
      // An empty part may keep the line break before its delimiter.
      if (file.content.length <= 2 && file.content.toString().trim() === "") return;
      const name = safeFileName(file.name, file.mediaType, fallback ?? `attachment-${files.length + 1}`);
      if (files.length < maxFiles) {
        // Its own memory, so that it can be handed over and a small file does not hold on to a shared block.
        files.push({ ...file, name, content: new Uint8Array(file.content) });
      } else if (leftOut.length < 100) leftOut.push(`${name}: more than ${maxFiles} files`);
    },
  };
}
