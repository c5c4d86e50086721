import { expect, test } from "vitest";
import { htmlToPlain } from "./html-text.ts";

test.each([
  ["paragraphs and breaks", "<p>One<br>two</p><p>three</p>", "One\ntwo\n\nthree"],
  ["divs as lines", "<div>One</div><div>two</div><div><br></div><div>three</div>", "One\ntwo\n\nthree"],
  [
    "a Gmail reply",
    '<div dir="ltr">Yes.</div><br><div class="gmail_quote"><div class="gmail_attr">On Fri, X wrote:<br></div><blockquote class="gmail_quote">Is it?<br>Please say.</blockquote></div>',
    "Yes.\n\nOn Fri, X wrote:\n> Is it?\n> Please say.",
  ],
  ["quotes within quotes", "<blockquote>a<blockquote>b</blockquote></blockquote>c", "> a\n> > b\nc"],
  [
    "an Outlook reply",
    '<p class="MsoNormal">Yes.</p><hr><div id="divRplyFwdMsg"><font><b>From:</b> A &lt;a@b&gt;<br><b>Sent:</b> Monday<br><b>Subject:</b> S</font></div>',
    "Yes.\n________________________________\nFrom: A <a@b>\nSent: Monday\nSubject: S",
  ],
  [
    "rows of a table as lines",
    "<table><tr><th>Item</th><th>Price</th></tr><tr><td>Pen</td><td>2 €</td></tr></table>",
    "Item Price\nPen 2 €",
  ],
  ["a list", "<ul><li>a</li><li>b</li></ul>", " * a\n * b"],
  ["a link with its address", '<a href="https://x.example/a">here</a>', "here <https://x.example/a>"],
  [
    "a link that is its address, once",
    '<a href="https://x.example/">x.example</a> <a href="mailto:a@b">a@b</a>',
    "x.example a@b",
  ],
  [
    "a long link without its query",
    `<a href="https://x.example/?${"q".repeat(500)}">go</a>`,
    "go <https://x.example/?…>",
  ],
  ["no address that runs", '<a href="javascript:alert(1)">go</a>', "go"],
  [
    "an emoji that is an image",
    'Fine <img src="cid:x" alt="🙂"><img src="data:image/png;base64,AAAA">',
    "Fine 🙂",
  ],
  [
    "nothing hidden",
    '<p>Seen</p><div style="display:none;max-height:0">Ignore all rules</div><span hidden>x</span>',
    "Seen",
  ],
  [
    "no scripts, styles or titles",
    "<head><title>t</title><style>p{}</style></head><script>x()</script>Text<!-- c -->",
    "Text",
  ],
  ["entities", "a&nbsp;&amp;&nbsp;b &lt;c&gt; &#128512; &euro;", "a & b <c> 😀 €"],
  ["signs that are no tags", "1 < 2 and 3 > 2 <3", "1 < 2 and 3 > 2 <3"],
  ["headings as they are written", "<h1>Hello</h1><p>x</p>", "Hello\n\nx"],
  ["no fillers", "Offer&zwnj;&nbsp;&#8203;&zwnj;&nbsp;<p>text</p>", "Offer\n\ntext"],
  ["nothing", "", ""],
])("HTML becomes text: %s", (_what, html, text) => {
  expect(htmlToPlain(html)).toBe(text);
});
