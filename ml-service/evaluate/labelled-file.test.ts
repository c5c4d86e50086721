/** Files of labelled messages: as spreadsheets write them, with rows that are broken, and some that cannot be used at all. */
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { makeTempFolder } from "../../core/testing/temp-folder.ts";
import { parseLabelled, readLabelledFile } from "./labelled-file.ts";

const csv = (content: string) => parseLabelled(content, { path: "tickets.csv", format: "csv" });
const jsonl = (content: string) => parseLabelled(content, { path: "tickets.jsonl", format: "jsonl" });

describe("a CSV file", () => {
  test("is read with subject, labels and language, whatever the case of its heading", () => {
    expect(csv("Subject,Text,Type,Priority,Language,Agent\nHello,Where is it?,question,,DE,Ann\n")).toEqual({
      messages: [{ subject: "Hello", text: "Where is it?", labels: { type: "question" }, language: "de" }],
      malformed: [],
      left: 0,
    });
  });

  test("may have semicolons, a byte order mark, Windows lines and texts of several lines", () => {
    const { messages } = csv('\uFEFFtext;department\r\n"Hello,\r\nwhere is it?";shipping\r\n');
    expect(messages).toMatchObject([{ text: "Hello,\r\nwhere is it?", labels: { department: "shipping" } }]);
  });

  test("tells each row that is left out, with its line and why", () => {
    const { messages, malformed, left } = csv(
      'text,type\nfine,question\none,two,three\n,question\nno label,\nhe said "no" here,problem\n"not closed,question\n',
    );
    expect(messages.map(({ text }) => text)).toEqual(["fine", 'he said "no" here']);
    expect(left).toBe(4);
    expect(malformed).toEqual([
      { line: 3, why: "more or fewer columns than the heading" },
      { line: 4, why: "no text" },
      { line: 5, why: "no label" },
      { line: 7, why: "a quotation mark is not closed" },
    ]);
  });
});

describe("a JSONL file", () => {
  test("is read line by line, and what is no object of texts is told", () => {
    const { messages, malformed } = jsonl(
      '{"text":"a","type":"question","tags":[1]}\n\n{"text":3,"type":"question"}\nnope\n[1]\n',
    );
    expect(messages).toMatchObject([{ text: "a", labels: { type: "question" } }]);
    expect(malformed.map(({ line }) => line)).toEqual([3, 4, 5]);
    expect(malformed[0]?.why).toContain("text");
  });
});

describe("a file that cannot be used", () => {
  let folder: string;
  beforeAll(async () => {
    folder = await makeTempFolder("labelled");
  });
  afterAll(() => rm(folder, { recursive: true }));

  test("is told with what it needs", () => {
    expect(() => csv(" \n")).toThrow(/tickets.csv is empty: it needs text/);
    expect(() => csv("text,type\n")).toThrow("has a heading and no rows");
    expect(() => csv("body,kind\nx,y\n")).toThrow(/lacks columns.*department.*found: body, kind/);
    expect(() => csv("text,kind\nx,y\n")).toThrow("lacks columns");
    expect(() => csv("text,type\n,\n")).toThrow("no usable row (line 2: no text)");
    expect(() => jsonl("nope\n")).toThrow("lacks columns");
  });

  test("is told where it is missing or not UTF-8", async () => {
    await expect(readLabelledFile(join(folder, "none.csv"))).rejects.toThrow(/cannot read .*none.csv/);
    await writeFile(join(folder, "old.csv"), Buffer.from("text,type\ngr\xFC\xDFe,question\n", "latin1"));
    await expect(readLabelledFile(join(folder, "old.csv"))).rejects.toThrow(/CSV UTF-8/);
  });
});
