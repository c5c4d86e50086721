import { execFile } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { sharedMail } from "../../../core/testing/shared-data.ts";
import { hostileMails } from "./hostile-mails.ts";
import { brokenPromises } from "./promises.ts";
import { createMailReader, type MailReader } from "./reader.ts";

const maxMs = 2_000;
const maxMb = 200;
const file = (name: string) => fileURLToPath(new URL(name, import.meta.url));

let folder: string;
let reader: MailReader;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "deskwire-mails-"));
  reader = createMailReader({ maxBytes: 40_000_000, maxFiles: 100, timeoutMs: 20_000 });
  await reader.read(Buffer.from("From: a@b\r\n\r\nstarts the worker"));
});
afterAll(async () => {
  await reader.close();
  rmSync(folder, { recursive: true });
});

interface Measured {
  readonly mails: readonly { readonly file: string; readonly ms: number; readonly unreadable?: string }[];
  readonly grownMb: number;
}

async function measure(files: readonly string[], worker = file("worker.ts")): Promise<Measured> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [file("memory-of-reading.ts"), worker, ...files],
    {
      maxBuffer: 10_000_000,
    },
  );
  return JSON.parse(stdout) as Measured;
}

describe("a hostile mail", () => {
  test.each(Object.entries(hostileMails))(
    "with %s is read in time, and keeps the promises",
    async (_name, make) => {
      const raw = make();
      const started = performance.now();
      const used = process.cpuUsage();
      const result = await reader.read(raw);
      const { user, system } = process.cpuUsage(used);
      // A busy machine makes the mail wait without its fault; a wait for nothing ends as unreadable.
      expect(Math.min(performance.now() - started, (user + system) / 1_000)).toBeLessThan(maxMs);
      expect("mail" in result ? brokenPromises(result.mail) : result.unreadable).toEqual([]);
    },
  );

  const greedy = Object.keys(hostileMails).filter((name) =>
    /[53]0? MB|nested|sibling|cells|recipients|every kind/.test(name),
  );
  test.each(greedy)("with %s takes less than 200 MB", async (name) => {
    const path = join(folder, "mail.eml");
    writeFileSync(path, hostileMails[name]?.() ?? "");
    const { mails, grownMb } = await measure([path]);
    console.log(`${grownMb} MB, ${mails[0]?.ms} ms: ${name}`);
    expect(grownMb).toBeLessThan(maxMb);
  });

  test("that does take more would be seen", async () => {
    const path = join(folder, "greedy.eml");
    writeFileSync(path, "From: a@b\r\n\r\nbuffers");
    expect((await measure([path], file("obedient-worker.ts"))).grownMb).toBeGreaterThan(maxMb);
  });
});

/** Raw mails; expected output that lies beside them is no mail. */
function mailsIn(folder: string): string[] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).map((name) => join(folder, name));
  return files.filter((path) => statSync(path).isFile() && !/\.(ref|golden|md)$|\/output\//.test(path));
}

describe("the hard mails of other projects", () => {
  const folder = sharedMail();

  test.runIf(folder)("are each read, or unreadable for a reason, in time and within the memory", async () => {
    const { mails, grownMb } = await measure(mailsIn(folder ?? ""));
    const unreadable = mails.filter((mail) => mail.unreadable !== undefined);
    const slowest = mails.reduce((a, b) => (a.ms > b.ms ? a : b));
    console.log(
      `${mails.length - unreadable.length} mails read, ${unreadable.length} unreadable; ` +
        `slowest ${slowest.ms} ms (${basename(slowest.file)}), memory grew by ${grownMb} MB`,
    );
    expect(mails.length).toBeGreaterThan(400);
    // Without a header line there is nothing to read: texts, scripts and notes lie among the mails.
    for (const mail of unreadable) expect(mail.unreadable).toMatch(/no header lines|is empty/);
    expect(slowest.ms).toBeLessThan(maxMs);
    expect(grownMb).toBeLessThan(maxMb);
  });

  test.runIf(folder)("keep the promises when they are read", async () => {
    const broken: string[] = [];
    for (const path of mailsIn(folder ?? "")) {
      const result = await reader.read(readFileSync(path));
      if ("mail" in result) broken.push(...brokenPromises(result.mail).map((what) => `${path}: ${what}`));
    }
    expect(broken).toEqual([]);
  });
});
