/** Rules of the spec itself: its shape, its config, its secrets. */
import { inspect } from "node:util";
import semver from "semver";
import { z } from "zod";
import { type AnyConnector, contractVersion } from "../../contract/connector.ts";
import { Secret } from "../../contract/secret.ts";
import { secretsOf } from "../journal.ts";
import { ensure, type Rule } from "../rule.ts";

const callable = z.custom<unknown>((value) => typeof value === "function", { error: "expected a function" });
const schema = z.custom<unknown>(
  (value) => typeof (value as { safeParseAsync?: unknown } | null)?.safeParseAsync === "function",
  { error: "expected a zod schema" },
);

const shape = z.looseObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]*$/, "expected a name of a-z, 0-9 and -"),
  core: z.string(),
  config: schema,
  cursor: schema.optional(),
  limits: z.object({
    requests: z.number().positive(),
    perMs: z.number().positive(),
    concurrency: z.int().min(1),
  }),
  open: callable,
  check: callable,
  close: callable,
  pull: z
    .looseObject({
      pages: callable,
      backfill: callable.optional(),
      list: callable.optional(),
      reread: callable.optional(),
    })
    .optional(),
  push: z.looseObject({ verify: callable, parse: callable, body: schema.optional() }).optional(),
  serve: z.looseObject({ handle: callable, origins: callable.optional() }).optional(),
  deliver: z
    .looseObject({
      as: z.enum(["draft", "internal-note", "reply"]),
      put: callable,
      send: callable.optional(),
    })
    .optional(),
});

/** What the config says of a value that it must refuse; throws where it takes it. */
function refusal(spec: AnyConnector, value: unknown): z.ZodError {
  const parsed = spec.config.safeParse(value) as z.ZodSafeParseResult<unknown>;
  ensure(!parsed.success, `the config takes ${inspect(value, { depth: 2, maxStringLength: 200 })}`);
  ensure(
    parsed.error.issues.every((issue) => issue.message.trim() !== ""),
    "the config refuses a value without a message",
  );
  return parsed.error;
}

/** Each field of plain config whose name tells of a secret, by its path. */
function secretLike(raw: unknown, parsed: unknown, path: string): string[] {
  if (typeof raw !== "object" || raw === null) return [];
  return Object.entries(raw).flatMap(([key, value]) => {
    const made = (parsed as Record<string, unknown> | undefined)?.[key];
    const here = path === "" ? key : `${path}.${key}`;
    if (typeof value !== "string") return secretLike(value, made, here);
    const isNamedSo = /(password|passwd|secret|token|api_?key|private_?key)$/i.test(key);
    return isNamedSo && typeof made === "string" ? [here] : [];
  });
}

export const specRules: Rule[] = [
  {
    name: "the spec has the shape that the contract asks for",
    covers: "spec",
    async run({ world: { spec } }) {
      const parsed = shape.safeParse(spec);
      ensure(parsed.success, parsed.success ? "" : z.prettifyError(parsed.error));
      ensure(spec.pull ?? spec.push ?? spec.serve ?? spec.deliver, "expected pull, push, serve or deliver");
      ensure(
        semver.satisfies(contractVersion, spec.core),
        `core: ${spec.core} leaves out this version of the contract, ${contractVersion}`,
      );
    },
  },
  {
    name: "the config refuses what is no config, and says why",
    covers: "spec",
    async run({ world, side }) {
      const raw = side.config as Record<string, unknown>;
      for (const value of [null, 7, "text", [], ...(world.badConfigs ?? [])]) refusal(world.spec, value);
      for (const key of Object.keys(raw)) {
        const error = refusal(world.spec, { ...raw, [key]: { not: ["what", "is", "expected"] } });
        ensure(
          error.issues.some(({ path, message }) => path[0] === key || message.includes(key)),
          `the config refuses a wrong ${key}, and its messages do not name it`,
        );
      }
    },
  },
  {
    name: "a field that the config does not know is refused, so that a slip of the pen is seen",
    covers: "spec",
    async run({ world, side }) {
      refusal(world.spec, { ...(side.config as object), "no-such-field": "x" });
    },
  },
  {
    name: "secrets of the config do not show when it is printed",
    covers: "spec",
    async run({ side, host }) {
      const open = secretLike(side.config, host.config, "");
      ensure(
        open.length === 0,
        `expected secret() for ${open.join(", ")}: as a plain string it can be printed`,
      );
      const shown = `${inspect(host.config, { depth: 9 })}${JSON.stringify(host.config)}`;
      for (const value of secretsOf(host.config)) {
        ensure(!shown.includes(value), `a secret shows: expected ${Secret.name} values only`);
      }
    },
  },
];
