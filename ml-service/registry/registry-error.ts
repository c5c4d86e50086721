/** What can go wrong with the models of companies. */

/**
 * `invalid`: no such id or share; `missing`: no such version; `damaged`: a file is not what it should be; `too-new`: made for a newer
 * core; `withdrawn`: rolled back before; `conflict`: somebody else has changed the state meanwhile.
 */
export type RegistryErrorKind = "invalid" | "missing" | "damaged" | "too-new" | "withdrawn" | "conflict";

export class RegistryError extends Error {
  readonly kind: RegistryErrorKind;
  constructor(kind: RegistryErrorKind, message: string, cause?: unknown) {
    super(message, { cause });
    this.name = "RegistryError";
    this.kind = kind;
  }
}
