/** A real browser for tests. */
import axe from "axe-core";
import { type Browser, chromium, type Frame, type Page } from "playwright-core";

/** @param executablePath where Chromium lies */
export function launchBrowser(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      // As root, Chromium does not start with its sandbox; the pages in tests are our own.
      ...(process.getuid?.() === 0 ? ["--no-sandbox"] : []),
      "--disable-gpu",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--no-first-run",
    ],
  });
}

/** What axe finds wrong with a page or frame, as lines; empty where it finds nothing. */
export async function accessibilityFaults(page: Page | Frame): Promise<string[]> {
  // What is still fading in has less contrast than it will have.
  await page.evaluate(() => Promise.all(document.getAnimations().map((animation) => animation.finished)));
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate(() =>
    (globalThis as unknown as { axe: typeof axe }).axe.run(document, { iframes: false }),
  );
  return violations.map(
    ({ id, help, nodes }) => `${id}: ${help}: ${nodes.map((node) => node.html).join(" ")}`,
  );
}
