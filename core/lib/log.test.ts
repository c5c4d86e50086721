import { expect, test } from "vitest";
import { ConnectorError } from "../../plugins/contract/errors.ts";
import { Secret } from "../../plugins/contract/secret.ts";
import { createLog, type LogOptions } from "./log.ts";

function makeLog(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const log = createLog(
    { level: "debug", format: "json", write: (line) => lines.push(line), ...options },
    "test",
  );
  return { log, lines, parsed: () => lines.map((line) => JSON.parse(line)) };
}

const key = new Secret("sk-very-secret");

test("a JSON line is one object with its time, level, part, message and fields", () => {
  const { log, lines, parsed } = makeLog();
  log.info("a page was read", { company: "acme", count: 3 });
  expect(lines[0]).toMatch(/^[^\n]+\n$/);
  const [line] = parsed();
  expect(line).toMatchObject({
    level: "info",
    part: "test",
    message: "a page was read",
    company: "acme",
    count: 3,
  });
  expect(new Date(line.at).toISOString()).toBe(line.at);
});

test("a field cannot take the place of the line's own message", () => {
  const { log, parsed } = makeLog();
  log.warn("draft failed", { message: "0190", level: "x" });
  expect(parsed()[0]).toMatchObject({
    message: "draft failed",
    message_: "0190",
    level: "warn",
    level_: "x",
  });
});

test.each(["json", "text"] as const)("no secret is shown as %s, however deep it lies", (format) => {
  const { log, lines } = makeLog({ format });
  log.error("refused", {
    key,
    config: { headers: { authorization: key }, list: [key] },
    map: new Map([["k", key]]),
  });
  expect(lines.join("")).not.toContain("very-secret");
  expect(lines.join("")).toContain("[secret]");
});

test("lines below the level are left out", () => {
  const { log, parsed } = makeLog({ level: "warn" });
  for (const level of ["debug", "info", "warn", "error"] as const) log[level](level);
  expect(parsed().map(({ message }) => message)).toEqual(["warn", "error"]);
});

test("an error is shown with its causes, also where they go round in a circle", () => {
  const { log, parsed } = makeLog();
  const inner = new Error("inner");
  inner.cause = inner;
  log.error("failed", { error: new ConnectorError("transient", "outer", { cause: inner }) });
  expect(parsed()[0].error).toMatchObject({ message: "outer", cause: { message: "inner" } });
});

test("what has no JSON form is shown as text, and does not fail the caller", () => {
  const { log, parsed } = makeLog();
  const circle: Record<string, unknown> = {};
  circle.self = circle;
  log.info("odd", { circle, big: 12n, nested: { big: 1n }, nothing: undefined, call: () => 1 });
  expect(parsed()[0]).toMatchObject({ message: "odd", big: "12", call: null });
  expect(parsed()[0].circle).toContain("Circular");
  expect(parsed()[0].nested).toContain("1n");
});

test("a text line stays one line, whatever a customer wrote", () => {
  const { log, lines } = makeLog({ format: "text" });
  log.info("taken\nin", { subject: "x\n12:00:00.000 error hub: forged\u001b[31m" });
  expect(lines).toHaveLength(1);
  expect(lines[0]?.match(/\n/g)).toHaveLength(1);
  expect(lines[0]).toContain("x\\n12:00:00.000 error hub: forged\\u001b[31m");
});
