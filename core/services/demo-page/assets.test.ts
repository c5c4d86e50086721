import { describe, expect, it } from "vitest";
import { demoAssets } from "./assets.ts";

const assets = demoAssets({ companyId: "demo", companyName: 'Fjord & "Line"', widgetInstance: "chat" });
const page = String(assets.get("/")?.body);

describe("the demo page", () => {
  it("names the company and the widget's loader, escaped", () => {
    expect(page).toContain("Fjord &#38; &#34;Line&#34;");
    expect(page).toContain('data-loader="/connect/demo/chat/loader.js"');
    expect(page).not.toContain("{{");
  });

  it("runs under a policy without inline scripts or styles", () => {
    expect(assets.get("/")?.headers["content-security-policy"]).not.toContain("unsafe");
    expect(page).not.toMatch(/<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|<style/);
  });

  it("serves every module that its scripts import", () => {
    for (const [path, { contentType, body }] of assets) {
      if (!contentType.startsWith("text/javascript")) continue;
      expect(String(body), path).not.toMatch(/\.ts"|import type/);
      for (const [, near] of String(body).matchAll(/from "\.(\/[\w.-]+)"/g))
        expect(assets.has(near ?? "")).toBe(true);
    }
  });
});
