/** Names that customers gave to files, in a header of ours. */

/** Characters that a folder, a device or a header could be made of; the rest of a name is shown as it is. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what is taken out
const unsafe = /[\u0000-\u001f\u007f-\u009f/\\:*?"<>|\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;

/** A name for a file in a folder: no path, no control characters, nothing that turns the reading direction. */
export function safeFileName(name: string): string {
  const safe = name.toWellFormed().replace(unsafe, "_").trim();
  return /^\.*$/.test(safe) ? "file" : safe;
}

/** `Content-Disposition: attachment` with the name in both forms (RFC 6266, RFC 8187). */
export function attachmentHeader(name: string): string {
  const safe = safeFileName(name);
  const ascii = safe.replace(/[^\x20-\x7e]|%/g, "_");
  const coded = encodeURIComponent(safe).replace(
    /['()*!]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
  return `attachment; filename="${ascii}"; filename*=UTF-8''${coded}`;
}
