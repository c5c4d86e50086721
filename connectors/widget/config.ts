/** What an operator may set for a widget. */
import { z } from "zod";
import { storableText } from "../../plugins/contract/events.ts";
import { secret } from "../../plugins/contract/secret.ts";

const origin = z
  .string()
  .refine((value) => /^https?:/.test(value) && URL.canParse(value) && new URL(value).origin === value, {
    error: "expected an origin, such as https://shop.example (no path, no trailing slash)",
  });

const words = (max: number) =>
  z.strictObject({ en: storableText(max).min(1).optional(), ru: storableText(max).min(1).optional() });

export const widgetConfig = z.strictObject({
  origins: z
    .array(origin)
    .min(1, "name at least one origin: the widget works on no other page")
    .max(50)
    .describe("The sites that may show the widget, such as https://shop.example."),
  sessionKey: secret(16).describe(
    "Signs the visitors' sessions. A key of its own for each widget; a new one ends all sessions.",
  ),
  identity: z
    .strictObject({
      keys: z
        .record(
          z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, "expected a key id of letters, digits, . _ -"),
          secret(32),
        )
        .refine((keys) => Object.keys(keys).length > 0, { error: "name at least one key" })
        .describe("HS256 keys by their key id (kid). Two of them while one is being replaced."),
      required: z.boolean().default(false).describe("Refuses visitors without a valid identity token."),
    })
    .optional()
    .describe("Lets the site tell who the visitor is, by a short JWT that its server signs."),
  title: words(80).optional().describe("The window's title. Default: the company's name."),
  greeting: words(500).optional().describe("The first line that a visitor sees."),
  color: z
    .string()
    .regex(/^#[0-9a-fA-F]{6}$/, "expected a colour such as #0b6e4f")
    .default("#0b6e4f")
    .describe(
      "The colour of the button and of the visitor's messages; the text on it is made black or white, whichever reads better.",
    ),
  maxFileBytes: z
    .int()
    .min(1_000)
    .max(20_000_000)
    .default(2_000_000)
    .describe(
      "The largest file, in bytes. A message as a whole must also fit into http.maxBodyBytes, in base64.",
    ),
  maxFiles: z.int().min(0).max(20).default(3).describe("Files in one message; 0 takes none."),
  sessionDays: z
    .number()
    .min(1 / 24)
    .max(365)
    .default(30)
    .describe("Days that a visitor's conversation can be taken up again, counted from the last visit."),
});

export type WidgetConfig = z.output<typeof widgetConfig>;

/** The colour of text on a background, black or white: at least 4.58:1 by WCAG 2.2, whatever the background. */
export function inkOn(color: string): "#000000" | "#ffffff" {
  const [red, green, blue] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  const luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  return 1.05 / (luminance + 0.05) >= (luminance + 0.05) / 0.05 ? "#ffffff" : "#000000";
}
