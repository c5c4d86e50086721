/** Secret config values: readable only by an explicit `reveal()`, so that no log line, error or API answer shows one by accident. */
import { inspect } from "node:util";
import { z } from "zod";

const SHOWN_AS = "[secret]";

/** A sealed string. Printing, inspecting or serialising it yields `[secret]`. */
export class Secret {
  readonly #value: string;
  constructor(value: string) {
    this.#value = value;
  }
  /** The value itself. Call it where the secret is used, never to store or log it. */
  reveal(): string {
    return this.#value;
  }
  toString(): string {
    return SHOWN_AS;
  }
  toJSON(): string {
    return SHOWN_AS;
  }
  [inspect.custom](): string {
    return SHOWN_AS;
  }
}

/**
 * A config field that holds a secret. In the file it is a reference such as `${env:NAME}` or `${file:PATH}`.
 * @param minLength the least number of characters accepted (default 1)
 */
export function secret(minLength = 1) {
  return z
    .string({ error: "expected a secret, such as ${env:NAME} or ${file:PATH}" })
    .min(minLength)
    .transform((value) => new Secret(value))
    .meta({ secret: true, description: "A secret: write ${env:NAME} or ${file:PATH}." });
}
