import { expect, test } from "vitest";
import { signedContent } from "./opaque-signed.ts";
import { parseMail } from "./parse-mail.ts";

/** Made by `openssl smime -sign -nodetach -nocerts` and by `openssl cms -sign -stream -indef -nodetach -nocerts -noattr`. */
const ofKnownLength =
  "MIICqgYJKoZIhvcNAQcCoIICmzCCApcCAQExDzANBglghkgBZQMEAgEFADBHBgkqhkiG9w0BBwGgOgQ4Q29udGVudC1UeXBlOiB0ZXh0L3BsYWluOyBjaGFyc2V0PXV0Zi04DQoNClNpZ25lZCB0ZXh0DQoxggI2MIICMgIBATAkMAwxCjAIBgNVBAMMAXQCFC5VOLUY4FqpLZKzNxwpNwXBdRn9MA0GCWCGSAFlAwQCAQUAoIHkMBgGCSqGSIb3DQEJAzELBgkqhkiG9w0BBwEwHAYJKoZIhvcNAQkFMQ8XDTI2MTEyNDAwMDYwNFowLwYJKoZIhvcNAQkEMSIEILuR3o2+681ZnsPeDE3Ryn1yau6mDD7nex3Gt6+X6CpfMHkGCSqGSIb3DQEJDzFsMGowCwYJYIZIAWUDBAEqMAsGCWCGSAFlAwQBFjALBglghkgBZQMEAQIwCgYIKoZIhvcNAwcwDgYIKoZIhvcNAwICAgCAMA0GCCqGSIb3DQMCAgFAMAcGBSsOAwIHMA0GCCqGSIb3DQMCAgEoMA0GCSqGSIb3DQEBAQUABIIBAEKBOxbFtEh4U+5pQr0Pg+qE6DV+5L5PU7ISVxHLpFSOPDnTl1OmVD5EXApFJ22ipuOYDbyHlJYNNZw3MvDGAa8BRqUDk02FxVQas3kC+xuUiZge4Cc9t5dBk2eYDv86An9NnARnVEriqtLC+gz4A5olNFMqawKWZ7UCnwRk8MH02FRd52whpeeyvZl3uLO3b99E+0zUpfC5V9aqoIhQWx7EmuYtQkQ0kGZKu8c1R/gcVnE50exjVZd07szYzS3LXjfFiNV5Vfo5Ayr8eS/Knre41plmMGuegYY9jFZGKHr4XQsD7WUsg/DoGoxyBBInXBkhMigs7aGfKVfyGCMN3xA=";
const ofUnknownLength =
  "MIAGCSqGSIb3DQEHAqCAMIACAQExDTALBglghkgBZQMEAgEwgAYJKoZIhvcNAQcBoIAkgAQ4Q29udGVudC1UeXBlOiB0ZXh0L3BsYWluOyBjaGFyc2V0PXV0Zi04DQoNClNpZ25lZCB0ZXh0DQoAAAAAAAAxggFNMIIBSQIBATAkMAwxCjAIBgNVBAMMAXQCFC5VOLUY4FqpLZKzNxwpNwXBdRn9MAsGCWCGSAFlAwQCATANBgkqhkiG9w0BAQEFAASCAQCHfOgOXgNvF0tcBBCxOWx1zPHa5XGAZarTcC+I2O5hml2dWYyjZvWkA3jNNPnre68JPkOSHFVZ2vFsiwIpHCd0hHfIkERevG2O/YClFbGKk8o69BZFRuwSblHcFFIkte5ODTbi5NkAG7+KhVyr6VyEeAUfIi3H0V3wVJlE32mNWScJ81VKXmxjVLXE7I9SEA66pX50y4xEnk5UnQhmAgRqjJ5dLcB45hUysETYqnOXC/yueUhKNSj5ntW8+AEAPGFMvy/S8jiIYSs43asdQR7If+TPBTdyNTft96ALrOfOJztFGOgnl20CYEMpYVQYgnZO3fiLTi8BVIS6V+u0xK75AAAAAAAA";

test.each([
  ["of known length", ofKnownLength],
  ["of unknown length", ofUnknownLength],
])("a mail signed opaquely, %s, is read and is not encrypted", async (_what, base64) => {
  const head =
    "From: a@b\r\nContent-Type: application/pkcs7-mime; smime-type=signed-data; name=smime.p7m\r\n";
  const mail = await parseMail(Buffer.from(`${head}Content-Transfer-Encoding: base64\r\n\r\n${base64}`), 10);
  expect([mail.text, mail.encrypted, mail.mediaType, mail.files]).toEqual([
    "Signed text",
    false,
    "application/pkcs7-mime",
    [],
  ]);
});

test("a structure that is broken anywhere has no content, or a part of it, and never fails", () => {
  for (const base64 of [ofKnownLength, ofUnknownLength]) {
    const whole = Buffer.from(base64, "base64");
    for (let length = 0; length < whole.length; length++) signedContent(whole.subarray(0, length));
    for (let at = 0; at < 120; at++) {
      for (const byte of [0, 0x24, 0x30, 0x80, 0x84, 0xff]) {
        const bent = Buffer.from(whole);
        bent[at] = byte;
        expect(signedContent(bent)?.length ?? 0).toBeLessThanOrEqual(whole.length);
      }
    }
  }
  expect(signedContent(Buffer.alloc(0))).toBeNull();
  expect(signedContent(Buffer.from("3080".repeat(100_000), "hex"))).toBeNull();
});
