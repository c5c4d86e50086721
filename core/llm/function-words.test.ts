import { expect, test } from "vitest";
import { languageByFunctionWords } from "./function-words.ts";

const told: Record<string, string> = {
  en: "Thank you for writing to us. We have looked into your order and can see that it was sent on Monday; you should have it by now.",
  de: "Vielen Dank für Ihre Nachricht. Wir haben Ihre Bestellung geprüft und sehen, dass sie am Montag an Sie versandt wurde.",
  ru: "Спасибо, что написали нам. Мы проверили ваш заказ и видим, что он был отправлен в понедельник; он должен быть уже у вас.",
};
test.each(Object.entries(told))("a usual text in %s is told", (language, text) => {
  expect(languageByFunctionWords(text)).toBe(language);
});

const others: Record<string, string> = {
  uk: "Дякуємо, що написали нам. Ми перевірили ваше замовлення і бачимо, що його було відправлено в понеділок; воно має бути у вас.",
  bg: "Благодарим, че ни писахте. Проверихме вашата поръчка и виждаме, че тя е изпратена в понеделник; тя трябва да е при вас.",
  be: "Дзякуй, што напісалі нам. Мы праверылі ваш заказ і бачым, што ён быў адпраўлены ў панядзелак; ён павінен быць у вас.",
  sr: "Хвала што сте нам писали. Проверили смо вашу поруџбину и видимо да је послата у понедељак; она би требало да је код вас.",
  nl: "Bedankt voor uw bericht. Wij hebben uw bestelling bekeken en zien dat deze op maandag naar u is verzonden; u zou het nu hebben.",
  af: "Dankie dat u aan ons geskryf het. Ons het na u bestelling gekyk en sien dat dit op Maandag gestuur is; u behoort dit nou te hê.",
  da: "Tak fordi du skrev til os. Vi har set på din ordre og kan se, at den blev sendt i mandags; du burde have den nu.",
  sv: "Tack för att du skrev till oss. Vi har tittat på din order och ser att den skickades i måndags; du borde ha den nu.",
  es: "Gracias por escribirnos. Hemos revisado su pedido y vemos que se envió el lunes; ya debería tenerlo en su casa.",
  lb: "Merci datt Dir eis geschriwwen hutt. Mir hunn Är Bestellung gekuckt a gesinn, datt se e Méindeg fortgeschéckt gouf.",
};
test.each(Object.entries(others))(
  "a text in %s, whose neighbours share words, is left to other means",
  (_, text) => {
    expect(languageByFunctionWords(text)).toBeNull();
  },
);

test.each([
  ["nothing", ""],
  ["few words", "I do not know. Where?"],
  [
    "a list of products",
    "Shoes, boots, sandals, socks, laces, polish, brushes and bags for the journey, on sale",
  ],
  ["two languages", `${told.en} ${told.de}`],
  ["two scripts", `${told.ru} ${others.uk}`],
  ["no language at all", "e4f1 9a2b 77c0 0xdeadbeef ---- ==== 12:30 #42 !!"],
])("%s leaves a doubt", (_, text) => {
  expect(languageByFunctionWords(text)).toBeNull();
});
