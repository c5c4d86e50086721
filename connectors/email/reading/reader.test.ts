import { spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { afterEach, describe, expect, test } from "vitest";
import type { ReadLimits } from "../mail.ts";
import { createMailReader, type MailReader, type ReaderTuning } from "./reader.ts";

const limits: ReadLimits = { maxBytes: 1_000_000, maxFiles: 10, timeoutMs: 5_000 };
const mail = (text: string) => Buffer.from(`From: a@b\r\n\r\n${text}`);
const open: MailReader[] = [];

function reader(some: Partial<ReadLimits> = {}, tuning: Partial<ReaderTuning> = {}): MailReader {
  const made = createMailReader({ ...limits, ...some }, tuning);
  open.push(made);
  return made;
}

/** A worker that obeys what the mail says: `hang`, `memory`, `throw`, `exit`, or else answers. */
const obedient = new URL("./obedient-worker.ts", import.meta.url);

async function textOf(made: MailReader, raw: Uint8Array): Promise<string> {
  const result = await made.read(raw);
  return "mail" in result ? result.mail.text : `unreadable: ${result.unreadable}`;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((made) => made.close()));
});

describe("a mail reader", () => {
  test("reads mails that come at once, each with its own result", async () => {
    const made = reader();
    const texts = Array.from({ length: 20 }, (_, i) => `text ${i}`);
    expect(await Promise.all(texts.map((text) => textOf(made, mail(text))))).toEqual(texts);
  });

  test("leaves the caller's bytes alone", async () => {
    const raw = mail("text");
    await reader().read(raw);
    expect(raw.toString()).toBe("From: a@b\r\n\r\ntext");
  });

  test("says which limit a large mail passes, and what an empty one is", async () => {
    const made = reader({ maxBytes: 20 });
    expect(await textOf(made, mail("0123456789"))).toBe(
      "unreadable: The mail has 23 bytes; mails of at most 20 bytes are read (limit maxBytes).",
    );
    expect(await textOf(made, Buffer.alloc(0))).toBe("unreadable: The mail is empty.");
    expect(await textOf(reader(), Buffer.from("no header at all\n\ntext"))).toMatch(
      /no header lines, so it is not a mail/,
    );
  });

  test.each([
    ["hang", /took longer to read than 300 ms/],
    ["memory", /more memory to read than 32 MB/],
    ["throw", /made the reader fail: the worker was told to throw/],
    ["exit", /made the reader fail: the worker ended/],
  ])("goes on with the next mails after one that makes its worker %s", async (order, reason) => {
    const made = reader({ timeoutMs: order === "hang" ? 300 : 20_000 }, { worker: obedient, heapMb: 32 });
    const before = textOf(made, mail("before"));
    const bad = textOf(made, mail(order));
    const after = [textOf(made, mail("one")), textOf(made, mail("two"))];
    expect(await before).toBe("before");
    expect(await bad).toMatch(reason);
    expect(await Promise.all(after)).toEqual(["one", "two"]);
  });

  test("starts its worker again after it was idle", async () => {
    const made = reader({}, { idleMs: 20 });
    expect(await textOf(made, mail("one"))).toBe("one");
    await sleep(200);
    expect(await textOf(made, mail("two"))).toBe("two");
  });

  test("rejects, as something that may work later, when the worker cannot be started", async () => {
    const made = reader({}, { worker: new URL("./no-such-worker.ts", import.meta.url) });
    await expect(made.read(mail("text"))).rejects.toMatchObject({ kind: "transient" });
  });

  test("rejects what waits when it is closed, and what comes later", async () => {
    const made = reader({}, { worker: obedient });
    const waits = [made.read(mail("hang")), made.read(mail("text"))];
    const outcomes = Promise.allSettled(waits);
    await sleep(50);
    await made.close();
    expect((await outcomes).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await expect(made.read(mail("text"))).rejects.toMatchObject({ kind: "transient" });
  });

  test("lets a process end that has read its mails and did not close it", async () => {
    const code = `
      const { createMailReader } = await import(${JSON.stringify(new URL("./reader.ts", import.meta.url).href)});
      const reader = createMailReader(${JSON.stringify(limits)});
      const result = await reader.read(Buffer.from("From: a@b\\r\\n\\r\\nread by plain node"));
      console.log(result.mail.text);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", code], {
      cwd: fileURLToPath(new URL(".", import.meta.url)),
    });
    let out = "";
    child.stdout.on("data", (data: Buffer) => {
      out += data;
    });
    const started = Date.now();
    const [exit] = await once(child, "close");
    expect([exit, out.trim()]).toEqual([0, "read by plain node"]);
    expect(Date.now() - started).toBeLessThan(8_000);
  });
});
