import { describe, expect, test } from "vitest";
import { safeHtml } from "./html-safe.ts";

const attacks = [
  "<script>alert(1)</script>",
  "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
  "<scr<script>ipt>alert(1)</scr</script>ipt>",
  "<img src=x onerror=alert(1)>",
  "<img src=x onerror\n=\nalert(1)//",
  "<img src='x' oNeRrOr='alert(1)'>",
  '<img src="x` `<script>alert(1)</script>"` `>',
  "<img/src/onerror=alert(1)>",
  "<svg onload=alert(1)>",
  "<svg><script>alert(1)</script></svg>",
  "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
  "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
  "<math href='javascript:alert(1)'>x</math>",
  "<body onload=alert(1)>",
  "<iframe src='javascript:alert(1)'></iframe>",
  "<iframe srcdoc='<script>alert(1)</script>'>",
  "<object data='data:text/html;base64,PHNjcmlwdD4='></object>",
  "<embed src='javascript:alert(1)'>",
  "<form action='https://evil.example'><input name=password><button formaction='javascript:alert(1)'>go</button></form>",
  "<a href='javascript:alert(1)'>x</a>",
  "<a href='JaVaScRiPt:alert(1)'>x</a>",
  "<a href='java\tscript:alert(1)'>x</a>",
  "<a href='&#106;avascript:alert(1)'>x</a>",
  "<a href='&#x6A&#x61&#x76&#x61&#x73&#x63&#x72&#x69&#x70&#x74:alert(1)'>x</a>",
  "<a href=' javascript:alert(1)'>x</a>",
  "<a href='\u0001javascript:alert(1)'>x</a>",
  "<a href='vbscript:msgbox(1)'>x</a>",
  "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
  "<a href='//evil.example'>x</a>",
  "<a href='/api/delete?all=1'>x</a><a href='#top'>x</a>",
  "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
  "<base href='https://evil.example/'>",
  "<link rel=stylesheet href='https://evil.example/x.css'>",
  "<style>@import 'https://evil.example/x.css';</style>",
  "<style><!--</style><script>alert(1)//--></script>",
  "<div style='background:url(https://evil.example/x)'>x</div>",
  "<div style='background-image:url(\"javascript:alert(1)\")'>x</div>",
  "<div style='width:expression(alert(1))'>x</div>",
  "<div style='color:red;position:fixed;top:0;left:0;z-index:9999'>x</div>",
  "<div style='margin-left:-9999px'>x</div>",
  "<div style='color:\\72 ed;behavior:url(x)'>x</div>",
  "<div style='font-family:\"x;position:fixed;\"'>x</div>",
  '<p style="color:red" onmouseover="alert(1)">x</p>',
  "<video src=x onerror=alert(1)></video><audio src=x onerror=alert(1)>",
  "<details open ontoggle=alert(1)>x</details>",
  "<table background='https://evil.example/x'><td background='javascript:alert(1)'>x</table>",
  "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
  "<template><img src=x onerror=alert(1)></template>",
  "<textarea><img title='</textarea><img src=x onerror=alert(1)>'></textarea>",
  "<xmp><img title='</xmp><img src=x onerror=alert(1)>'></xmp>",
  "<!--><img src=x onerror=alert(1)>-->",
  "<!--[if mso]><img src=x onerror=alert(1)><![endif]-->",
  "<![CDATA[<img src=x onerror=alert(1)>]]>",
  "<?xml version='1.0'?><img src=x onerror=alert(1)>",
  "<img src='https://evil.example/pixel.gif' srcset='https://evil.example/p2.gif 2x'>",
  "<img src='data:image/svg+xml;base64,PHN2ZyBvbmxvYWQ9YWxlcnQoMSk+'>",
  "<img src='data:text/html,x'>",
  "<img data-remote-src='javascript:alert(1)'>",
  "<img src='//evil.example/x.gif'>",
  "<input type=image src=x onerror=alert(1)>",
  "<marquee onstart=alert(1)>x</marquee>",
  "<keygen autofocus onfocus=alert(1)>",
  "<isindex type=image src=1 onerror=alert(1)>",
  "<a href='https://x' target=_top rel=opener ping='https://evil.example'>x</a>",
  "<p id=location name=cookie>x</p>",
  "<div class='modal admin-button'>x</div>",
  '<img src="x\u0000" onerror\u0000=alert(1)>',
  '<a href="https://x\u0000"><b/onclick=alert(1)>',
];

describe("HTML for people", () => {
  test.each(attacks)("takes the sting out of %j", (attack) => {
    const safe = safeHtml(`<p>before</p>${attack}<p>after</p>`) ?? "";
    const elements = [...safe.matchAll(/<[^>]*>/g)].map(([element]) => element);
    for (const element of elements) {
      expect(element).not.toMatch(
        /^<\/?(script|style|iframe|object|embed|form|input|button|svg|math|meta|base|link|template|textarea|video|audio|body|marquee|noscript|xmp)\b/i,
      );
      expect(element).not.toMatch(/[\s"'/]on\w+\s*=/i);
      expect(element).not.toMatch(
        /javascript:|vbscript:|data:text|svg\+xml|url\(|expression|position|behavior|srcset|background=|ping=|\bid=|\bname=cookie/i,
      );
      expect(element).not.toMatch(/\ssrc="(?!cid:|data:image\/(png|jpeg|jpg|gif|webp);base64,)/);
      expect(element).not.toMatch(/href="(?!https?:|mailto:|tel:|cid:)/);
      if (element.startsWith("<a ")) expect(element).toMatch(/rel="noopener noreferrer nofollow"/);
      if (element.startsWith("<a ")) expect(element).toMatch(/target="_blank"/);
      if (/class=/.test(element)) expect(element).not.toMatch(/modal|admin/);
    }
    expect(safe).not.toContain("\u0000");
    expect(safe).toContain("<p>before</p>");
  });

  test("keeps what a mail looks like", () => {
    const html =
      '<table width="100%"><tr><td style="color:#333;font-family:Arial, sans-serif;padding:4px 8px">A</td></tr></table>' +
      '<blockquote class="gmail_quote" style="margin:0 0 0 8px;border-left:1px solid rgb(204,204,204)">q</blockquote>';
    expect(safeHtml(html)).toBe(
      '<table width="100%"><tr><td style="color:#333;font-family:Arial, sans-serif;padding:4px 8px">A</td></tr></table>' +
        '<blockquote class="gmail_quote" style="margin:0 0 0 8px;border-left:1px solid rgb(204,204,204)">q</blockquote>',
    );
  });

  test("keeps images of the mail itself, and the address of others without loading them", () => {
    expect(safeHtml('<img src="cid:a@b" alt="x">')).toBe('<img alt="x" src="cid:a@b" />');
    expect(safeHtml('<img src="data:image/png;base64,AAAA">')).toBe(
      '<img src="data:image/png;base64,AAAA" />',
    );
    expect(safeHtml('<img src="https://x.example/p.gif">')).toBe(
      '<img data-remote-src="https://x.example/p.gif" />',
    );
  });

  test("is not kept when it is too long, except that large embedded images go first", () => {
    expect(safeHtml(`<p>${"x".repeat(1_000_001)}`)).toBeNull();
    expect(safeHtml(`<p>text<img src="data:image/png;base64,${"A".repeat(1_200_000)}">`)).toBe(
      "<p>text<img /></p>",
    );
  });
});
