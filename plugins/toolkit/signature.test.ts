/** Signatures of webhooks: the genuine one passes, nothing else does, and nothing throws. */
import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { isSignedBy, type SignatureOptions } from "./signature.ts";

const secret = "a-secret-of-webhooks";
const body = Uint8Array.from([0, 255, 10, 34, 195, 40]);
const signed = (algorithm: string, encoding: "base64" | "hex", key = secret) =>
  createHmac(algorithm, key).update("id.7.").update(body).digest(encoding);

const ways: Array<[SignatureOptions | undefined, string]> = [
  [undefined, signed("sha256", "base64")],
  [{ encoding: "hex" }, signed("sha256", "hex")],
  [{ encoding: "hex" }, signed("sha256", "hex").toUpperCase()],
  [{ algorithm: "sha512" }, signed("sha512", "base64")],
  [{ algorithm: "sha1", encoding: "hex", prefix: "sha1=" }, `sha1=${signed("sha1", "hex")}`],
];

test.each(ways)("with %j the genuine signature passes, and no other", (options, given) => {
  expect(isSignedBy(secret, ["id.7.", body], given, options)).toBe(true);
  expect(isSignedBy("another secret", ["id.7.", body], given, options)).toBe(false);
  expect(isSignedBy(secret, ["id.8.", body], given, options)).toBe(false);
  expect(isSignedBy(secret, [body, "id.7."], given, options)).toBe(false);
  expect(isSignedBy(secret, ["id.7.", body], given.slice(0, -4), options)).toBe(false);
  const at = options?.prefix?.length ?? 0;
  const changed = given.slice(0, at) + (given[at] === "0" ? "1" : "0") + given.slice(at + 1);
  expect(isSignedBy(secret, ["id.7.", body], changed, options)).toBe(false);
});

test("a signature by another algorithm, in another form or without its prefix does not pass", () => {
  const parts = ["id.7.", body];
  expect(isSignedBy(secret, parts, signed("sha256", "hex"))).toBe(false);
  expect(isSignedBy(secret, parts, signed("sha256", "base64"), { encoding: "hex" })).toBe(false);
  expect(isSignedBy(secret, parts, signed("sha1", "base64"))).toBe(false);
  expect(isSignedBy(secret, parts, signed("sha256", "hex"), { encoding: "hex", prefix: "sha256=" })).toBe(
    false,
  );
});

test("an empty secret signs nothing, not even for who knows it", () => {
  const given = createHmac("sha256", "").update(body).digest("base64");
  expect(isSignedBy("", [body], given)).toBe(false);
});

test("what follows a genuine signature, or hides in it, makes it another one", () => {
  const good = signed("sha256", "hex");
  for (const given of [`${good}zz`, `${good} `, `${good}\n`, ` ${good}`, `${good}${good}`, `${good},${good}`])
    expect(isSignedBy(secret, ["id.7.", body], given, { encoding: "hex" })).toBe(false);
  const base64 = signed("sha256", "base64");
  for (const given of [`${base64}!`, `${base64.slice(0, 10)} ${base64.slice(10)}`, `${base64}${base64}`])
    expect(isSignedBy(secret, ["id.7.", body], given)).toBe(false);
});

test.each([
  undefined,
  "",
  "sha1=",
  "=",
  "\u0000",
  "ü".repeat(44),
  "\ud800",
  "9".repeat(400),
  "x".repeat(1_000_000),
  "__proto__",
])("hostile input does not match and does not throw: %#", (given) => {
  for (const encoding of ["base64", "hex"] as const)
    for (const prefix of ["", "sha1="])
      expect(isSignedBy(secret, [body], given, { algorithm: "sha1", encoding, prefix })).toBe(false);
});
