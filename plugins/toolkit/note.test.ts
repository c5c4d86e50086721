/** Notes for helpdesks: what a draft says can do no harm there, fits, and is found again. */
import { expect, test } from "vitest";
import type { OutgoingDraft } from "../contract/connector.ts";
import { htmlToPlain } from "./html-text.ts";
import { anyMarker, escapeHtml, isSealed, noteHtml, noteMarker, sealOf, textToHtml } from "./note.ts";

function draftOf(fields: Partial<OutgoingDraft> = {}): OutgoingDraft {
  return {
    id: "0196f0a0-0000-7000-8000-000000000001",
    idempotencyKey: "draft-1",
    ticket: { id: "t", code: "0123456789", threadId: "7", subject: null, requester: {} },
    message: { id: "m", externalId: "1", text: "Hi", quoted: null, sentAt: new Date(), sourceData: null },
    text: "Hello Ada,\n\nit is on its way.\nSoon.",
    language: "en",
    labels: null,
    sources: [],
    writtenBy: "offline",
    ...fields,
  };
}

const hostile = `</p><script>alert("x")</script><img src=x onerror='y'> & &lt;`;

test("text as HTML shows just this text, in paragraphs and lines", () => {
  expect(escapeHtml(`<a href="x">'&'</a>`)).toBe("&lt;a href=&quot;x&quot;&gt;&#39;&amp;&#39;&lt;/a&gt;");
  expect(textToHtml("One\r\ntwo\n\n\n\nthree <b>")).toBe("<p>One<br>two</p><p>three &lt;b&gt;</p>");
  expect(textToHtml(" \n\n")).toBe("");
  expect(htmlToPlain(textToHtml(hostile))).toBe(hostile);
});

test("a note has the draft first, then labels, sources and the line with the marker", () => {
  const labels = {
    type: { value: "question", confidence: 0.914 },
    priority: { value: "low", confidence: 0.5 },
    department: { value: "shipping", confidence: 1 },
  };
  const sources = [
    { title: "Parcels & post", path: "parcels.md", url: "https://help.example.com/parcels?a=1&b=2" },
    { title: "Notes", path: "notes.md" },
  ];
  expect(noteHtml(draftOf({ labels, sources }))).toBe(
    "<p><strong>Suggested reply</strong></p><p>Hello Ada,</p><p>it is on its way.<br>Soon.</p><hr>" +
      "<p>Type: question (91 %) · Priority: low (50 %) · Department: shipping (100 %)</p>" +
      '<p>Sources:</p><ul><li><a href="https://help.example.com/parcels?a=1&amp;b=2">Parcels &amp; post</a></li>' +
      `<li>Notes</li></ul><p>Drafted by Deskwire (offline) · ${noteMarker(draftOf())}</p>`,
  );
});

test("nothing that others wrote becomes markup, and a link leads to the web alone", () => {
  const value = { value: hostile, confidence: 1 };
  const note = noteHtml(
    draftOf({
      text: hostile,
      writtenBy: hostile,
      labels: { type: value, priority: value, department: value },
      sources: [
        { title: hostile, path: "a", url: `https://x.example/"onclick="y` },
        { title: "b", path: "b", url: "javascript:alert(1)" },
      ],
    }),
  );
  const tags = [...note.matchAll(/<\/?([a-z]+)([^>]*)>/g)];
  expect(new Set(tags.map(([, name]) => name))).toEqual(new Set(["p", "strong", "hr", "ul", "li", "a"]));
  expect(tags.map(([, , rest]) => rest).filter((rest) => rest !== "")).toEqual([
    ' href="https://x.example/&quot;onclick=&quot;y"',
  ]);
});

test("a long draft ends before the limit, with a remark, and keeps its marker", () => {
  for (const text of ["&".repeat(50_000), "line\n".repeat(20_000), "😀".repeat(40_000)]) {
    const note = noteHtml(draftOf({ text }), { maxLength: 10_000, remark: "It goes on in the history." });
    expect(note.length).toBeLessThanOrEqual(10_000);
    expect(note.length).toBeGreaterThan(4_000);
    expect(note.isWellFormed()).toBe(true);
    expect(note).toContain("<p><strong>It goes on in the history.</strong></p><hr>");
    expect(note).toContain(noteMarker(draftOf()));
  }
  expect(noteHtml(draftOf(), { maxLength: 10_000 })).not.toContain("longer");
});

test("sources without end do not crowd out the draft", () => {
  const sources = Array.from({ length: 200 }, (_, n) => ({
    title: `Source ${n} ${"x".repeat(500)}`,
    path: "a",
  }));
  const note = noteHtml(draftOf({ sources }));
  expect(note.length).toBeLessThanOrEqual(60_000);
  expect(note).toContain("it is on its way.<br>Soon.");
  expect(note).toContain(noteMarker(draftOf()));
});

test("what agents should know before they send it stands below the draft, as text", () => {
  const note = noteHtml(draftOf({ notes: ["Please check: is it <b>14</b> days?"] }));
  expect(note).toContain(
    "<p>Before you send it:</p><ul><li>Please check: is it &lt;b&gt;14&lt;/b&gt; days?</li></ul>",
  );
  const many = noteHtml(draftOf({ notes: Array.from({ length: 90 }, () => "&".repeat(9_000)) }), {
    maxLength: 9_000,
  });
  expect(many.length).toBeLessThanOrEqual(9_000);
  expect(many).toContain("it is on its way.");
});

test("a marker is the same for each attempt, another one for another draft, and found in any note", () => {
  const marker = noteMarker(draftOf());
  expect(noteMarker(draftOf({ text: "another try" }))).toBe(marker);
  expect(noteMarker({ idempotencyKey: "draft-2" })).not.toBe(marker);
  expect(anyMarker.exec(noteHtml(draftOf()))?.[0]).toBe(marker);
  expect(anyMarker.test("sdw-0123456789abcdef0123 dw-0123")).toBe(false);
});

test("a seal tells our text from a changed one, whatever becomes of its spaces and tags", () => {
  const html = textToHtml("Hello Ada,\n\nit is on its way.");
  const seal = sealOf(draftOf(), html);
  expect(isSealed(seal, html)).toBe(true);
  expect(isSealed(seal, "<div>Hello Ada,</div>\n<div><b>it is</b>  on its way.</div>")).toBe(true);
  expect(isSealed(seal, textToHtml("Hello Ada,\n\nit is lost."))).toBe(false);
  for (const none of [undefined, "", "dw-", seal.split(" ")[0], ` ${seal.split(" ")[1]}`])
    expect(isSealed(none, html)).toBe(false);
});
