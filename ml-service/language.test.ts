import { describe, expect, test } from "vitest";
import { normalise } from "./features.ts";
import { detectLanguage } from "./language.ts";

const languageOf = (text: string) => detectLanguage(normalise(null, text));

describe("the language", () => {
  test.each([
    ["где заказ?", "ru"],
    ["Привет", "ru"],
    ["Мне дважды списали деньги за заказ, верните пожалуйста лишнее на карту", "ru"],
    ["Where is my parcel, please?", "en"],
    ["Wo bleibt mein Paket?", "de"],
    ["¿Dónde está mi pedido?", "es"],
    ["Bonjour, je voudrais un remboursement", "fr"],
    ["Де моє замовлення? Його досі немає", "uk"],
    ["我的订单在哪里", "zh"],
    ["注文はどこですか", "ja"],
  ])("of %j is %s", (text, language) => {
    expect(languageOf(text)).toBe(language);
  });

  test.each(["", "ok", "12345", "😀😀", "?!", "aaaaaa"])("of %j is not told", (text) => {
    expect(languageOf(text)).toBeNull();
  });
});
