/** Text parts as text: format=flowed (RFC 3676), enriched text, and files that stand uuencoded within a text. */

/** Joins the lines that were broken only for their length. Quoted lines are joined within their own depth. */
export function unflow(text: string, deleteSpace: boolean): string {
  const out: string[] = [];
  let open: { depth: number; text: string } | null = null;
  for (const line of text.split(/\r?\n/)) {
    const marks = /^>*/.exec(line)?.[0] ?? "";
    // A space may be stuffed before a line that begins with a space, `>` or `From `.
    const content = line.slice(marks.length).replace(/^ /, "");
    const depth = marks.length;
    if (open && open.depth !== depth) {
      out.push(quoted(open.depth, open.text));
      open = null;
    }
    // The mark of a signature ends in a space that means nothing.
    const isSignature = content === "-- ";
    if (isSignature && open) {
      out.push(quoted(open.depth, open.text));
      open = null;
    }
    const flows = content.endsWith(" ") && !isSignature;
    const whole: string = (open?.text ?? "") + (flows && deleteSpace ? content.slice(0, -1) : content);
    if (flows) open = { depth, text: whole };
    else {
      out.push(quoted(depth, whole));
      open = null;
    }
  }
  if (open) out.push(quoted(open.depth, open.text));
  return out.join("\n");
}

function quoted(depth: number, text: string): string {
  return depth === 0 ? text : `${">".repeat(depth)} ${text}`;
}

/** Text of `text/enriched` and `text/richtext` without its commands. */
export function unenrich(text: string): string {
  return text
    .replace(/<param>[^<]{0,200}<\/param>/gi, "")
    .replace(/<nl>/gi, "\n")
    .replace(/<<|<\/?[a-zA-Z-]{1,60}>/g, (tag) => (tag === "<<" ? "<" : ""));
}

/** A file that stood in a text. */
export interface UuFile {
  readonly name: string;
  readonly content: Buffer;
}

const maxUuFiles = 50;

/** Takes whole uuencoded files out of a text; what only looks like one stays where it is. */
export function takeUuFiles(text: string): { text: string; files: UuFile[] } {
  if (!/^begin [0-7]{3,4}\b/m.test(text)) return { text, files: [] };
  const lines = text.split("\n");
  const kept: string[] = [];
  const files: UuFile[] = [];
  for (let at = 0; at < lines.length; at++) {
    const begin = /^begin [0-7]{3,4}(?: (\S.{0,254})?)?$/.exec(lines[at] ?? "");
    const file = begin && files.length < maxUuFiles ? readUu(lines, at + 1) : null;
    if (begin && file) {
      files.push({ name: (begin[1] ?? "").trim(), content: file.content });
      at = file.end;
    } else kept.push(lines[at] ?? "");
  }
  return { text: kept.join("\n"), files };
}

function readUu(lines: readonly string[], from: number): { content: Buffer; end: number } | null {
  const chunks: Buffer[] = [];
  for (let at = from; at < lines.length; at++) {
    const line = (lines[at] ?? "").replace(/\r$/, "");
    if (line === "end") return chunks.length > 0 ? { content: Buffer.concat(chunks), end: at } : null;
    if (line === "" || line === "`" || line === " ") continue;
    const chunk = uuLine(line);
    if (!chunk) return null;
    chunks.push(chunk);
  }
  return null;
}

function uuLine(line: string): Buffer | null {
  const length = (line.charCodeAt(0) - 32) & 63;
  const needed = Math.ceil(length / 3) * 4;
  if (line.length - 1 > needed + 2 || line.length > 90 || /[^ -`]/.test(line)) return null;
  const signs = line.slice(1).padEnd(needed, " ");
  const bytes: number[] = [];
  for (let i = 0; i < needed; i += 4) {
    const value = [0, 1, 2, 3].reduce((sum, k) => (sum << 6) | ((signs.charCodeAt(i + k) - 32) & 63), 0);
    bytes.push((value >> 16) & 255, (value >> 8) & 255, value & 255);
  }
  return Buffer.from(bytes.slice(0, length));
}
