/** The set phrases of signatures in English, Russian and German. */
import type { Line } from "./lines.ts";

const device =
  "(?:my )?(?:iphone|ipad|ipod|apple watch|android|samsung|galaxy|huawei|honor|xiaomi|redmi|pixel|nokia|sony|blackberry|oneplus|phone|mobile|tablet|smartphone|outlook|windows|mail|yahoo|gmx|proton|gmail|spark|bluemail|aquamail|thunderbird|vivaldi|airmail)";
const sentFrom = [
  `(?:sent|written) (?:from|via|by|with|using) .{0,30}${device}.{0,60}`,
  "sent from (?:a |the )?mobile.{0,40}",
  "get (?:outlook|bluemail|spark|typeapp) for (?:ios|android|mac|windows).{0,80}",
  `(?:diese (?:nachricht|e-?mail|mail) wurde )?(?:von|vom|aus|mit|über) .{0,40}${device}.{0,40}(?:gesendet|verschickt|geschickt|versendet)`,
  `(?:diese (?:nachricht|e-?mail|mail) wurde )?(?:gesendet|verschickt|versendet|geschickt) (?:von|vom|aus|mit|über|mittels) .{0,40}${device}.{0,60}`,
  "(?:holen sie sich )?outlook für (?:ios|android|mac)(?: beziehen| herunterladen)?.{0,80}",
  "отправлено (?:с|со|из|через|при помощи) (?:.{0,30})(?:iphone|ipad|android|samsung|galaxy|huawei|honor|xiaomi|redmi|mail|почт|outlook|windows|gmail|яндекс|устройства|телефона|планшета|смартфона|айфона).{0,60}",
  "(?:скачать|загрузить|получить|получите) outlook для (?:ios|android).{0,80}",
  "(?:virenfrei|virus-free|без вирусов|не содержит вирусов|проверено на вирусы).{0,80}",
].join("|");
const mobile = new RegExp(`^(?:- |-- |— )?(?:${sentFrom})[.!]?$`, "iu");

const greeting =
  /^(?:(?:with )?(?:best|kind|kindest|warm|warmest) (?:regards|wishes)|regards|best|br|cheers|sincerely|(?:yours )?(?:sincerely|faithfully|truly)(?: yours)?|mit (?:freundlich|best|herzlich|lieb|viel|schön|sonnig)(?:en|em|er)? gr(?:ü|ue)(?:ß|ss)(?:en)?|(?:freundliche|viele|beste|liebe|herzliche|schöne)[nr]? gr(?:ü|ue)(?:ß|ss)e|gr(?:ü|ue)(?:ß|ss)e|gru(?:ß|ss)|mfg|lg|vg|hochachtungsvoll|с уважением|с наилучшими пожеланиями|с (?:искренним|глубоким) уважением|всего (?:доброго|хорошего|наилучшего)|с пожеланиями .{0,30}|искренне ваш)(?=$|[\s,.!–-])/iu;

const postscript = /^(?:p\.? ?(?:p\.? ?)?s\.?|п\.? ?с\.?|з\.? ?ы\.?|nachtrag|постскриптум)(?=$|[\s:.,–-])/iu;

const disclaimer =
  /^(?:[*_]{0,3})(?:(?:confidentiality|legal|privacy|important) (?:notice|note|disclaimer)|disclaimer|confidential(?:ity)?:|(?:this|the information (?:contained )?in this) (?:e-?mail|message|communication)\b.{0,120}(?:confidential|intended|privileged)|diese (?:e-?mail|nachricht).{0,120}(?:vertraulich|bestimmt|rechtlich geschützt)|(?:vertraulichkeits|rechtlicher |haftungs)(?:hinweis|ausschluss)|der inhalt dieser (?:e-?mail|nachricht)|(?:данное|настоящее|это|эта|информация в этом).{0,40}(?:сообщение|письмо|письме|электронная почта).{0,120}(?:конфиденциальн|предназначен)|уведомление о конфиденциальности|please consider the environment|bitte denken sie an die umwelt|подумайте о природе)/iu;

/** "Sent from my iPhone", "Отправлено из Mail.ru", "Gesendet von Mail für Windows": a whole line. */
export function isMobileSignature(line: Line): boolean {
  return line.seen.length <= 160 && mobile.test(line.seen);
}

/** A closing greeting, alone or with a name on its line. */
export function isGreeting(line: Line): boolean {
  return line.seen.length <= 70 && greeting.test(line.seen) && line.seen.split(/\s+/u).length <= 8;
}

export function isPostscript(line: Line): boolean {
  return postscript.test(line.seen);
}

const salutation =
  /^(?:hi|hello|hey|dear|good (?:morning|afternoon|evening|day)|hallo|guten (?:tag|morgen|abend)|moin|servus|liebe[rs]?|sehr geehrte[rs]?|grüß gott|здравствуйте|добрый (?:день|вечер)|доброе утро|приветствую|привет|уважаем(?:ый|ая|ые))(?=$|[\s,.!])[^?:]{0,60}[,.!]?$/iu;

/** A line that only greets: an answer without marks may then stand among the quote. */
export function isSalutation(line: Line): boolean {
  return salutation.test(line.seen) && line.seen.split(/\s+/u).length <= 6;
}

/** The lines that PGP sets around a signed text. */
export function isArmor(line: Line): boolean {
  return /^(?:-{5}BEGIN PGP SIGNED MESSAGE-{5}|Hash: [\w, -]{1,60})$/u.test(line.seen);
}

/** A link to a page or a picture, not merely to a site: it may be the very thing that is written about. */
export function isDeepLink(line: Line): boolean {
  const link = /(?:https?:\/\/|www\.)([^\s/?#]{1,120})([/?#][^\s>\])]{2,})/iu.exec(line.seen);
  return (
    link !== null &&
    !/(?:linkedin|facebook|instagram|xing|twitter|youtube|vk|t|wa|x)\.(?:com|me|ru|de)$/iu.test(link[1] ?? "")
  );
}

/** The beginning of a paragraph of legal text. */
export function isDisclaimer(line: Line): boolean {
  return disclaimer.test(line.seen);
}

/** "--" and its kin, alone on a line. */
export function isDelimiter(line: Line): boolean {
  return /^(?:-{2,3}|—|–{1,2}|_{2,})$/u.test(line.seen);
}

const contactMark = [
  /(?:\+|(?<![\p{L}\p{N}])[08(])[\d\s()/.–-]{6,24}\d/u,
  /[^\s@<>]{1,64}@[^\s@<>]{1,100}\.\p{L}{2,}/u,
  /(?:https?:\/\/|www\.)\S/iu,
  /^(?:tel|phone|phone number|telefonnummer|mobile|mob|cell|fax|direct|office|e-?mail|web|website|skype|whatsapp|telegram|viber|telefon|mobil|handy|durchwahl|тел|телефон|моб|факс|почта|сайт|эл\. ?почта|[tmfew])(?: ?\([^)]{1,20}\))? ?[.:](?=\s|$|[+\d(])/iu,
];
const company =
  /(?<![\p{L}\p{N}])(?:gmbh|kg|ohg|e\.k\.|ltd|llc|inc|plc|corp|gbr|hrb|amtsgericht|geschäftsführer(?:in)?|ust-?id\S{0,14}|vat|ооо|оао|зао|пао|ао|ип|инн|кпп|огрн|sitz der gesellschaft)(?![\p{L}\p{N}])/iu;

/** A line with a telephone number, an address of mail or web, or a label of one, and hardly anything else. */
export function isContact(line: Line): boolean {
  if (line.seen.length > 140 || line.seen.startsWith("[")) return false;
  if (!contactMark.some((mark) => mark.test(line.seen))) return false;
  const rest = line.seen.replace(/\S{0,80}[@\d/]\S{0,80}|www\.\S{1,80}/gu, " ");
  return (
    rest.split(/[\s|,;:]+/u).filter((word) => /\p{L}{2,}/u.test(word)).length <= 6 &&
    !/[?!]$/u.test(line.seen)
  );
}

const reference =
  /(?<!\p{L})(?:(?:order|customer|account|contract|invoice|ticket|case|serial|policy|member(?:ship)?|client|reference|booking|tracking)(?: (?:no|number|id|nr)\.?)? ?[:#№]? ?\S{0,12}\d|(?:kunden|bestell|auftrags?|konto|rechnungs|vertrags|serien|vorgangs|mitglieds)-?(?:nr|nummer|id)|iban|(?:заказ|договор|счет|счёт|заявк|лицевой|полис|накладн|трек)\p{L}{0,4}[^\d]{0,12}\d|№)/iu;
const ownLabel = /^[^:]{2,30}: ?\S/u;

/** A line that tells a number of an order, a contract or the like, or has a label that is not one of contact data. */
export function isReference(line: Line): boolean {
  if (reference.test(line.seen) || /^[1-9]\d{4,19}$/u.test(line.seen)) return true;
  return ownLabel.test(line.seen) && !contactMark.some((mark) => mark.test(line.seen)) && !isCompany(line);
}

/** A line that names a company by its legal form or its register. */
export function isCompany(line: Line): boolean {
  return line.seen.length <= 140 && company.test(line.seen) && !/[?!]$/u.test(line.seen);
}

const asksBack =
  /(?:call|ring|phone|text|reach|contact) (?:me|us)|give (?:me|us) a (?:call|ring)|(?:my|our) (?:number|phone|address|details|contact)|(?:number|address|details|data|signature) below|(?:in|see) (?:my|our|the) signature|(?:nummer|adresse|anschrift|daten) (?:\p{L}{1,10} ){0,2}(?:unten|signatur)|ruf(?:en|t)? (?:sie )?(?:mich|uns|bitte)|(?:zu|an|durch)rufen|rückruf|erreich(?:en|bar)|meine (?:nummer|adresse|daten|kontaktdaten|anschrift)|(?:по|пере)?звон(?:ите|ить)|свяжитесь|связаться|(?:мой|наш) (?:номер|телефон|адрес)|мои (?:контакт|данн)|наши (?:контакт|реквизит|данн)|(?:номер|телефон|адрес|контакты|реквизиты) (?:ниже|в подписи)/iu;

/** Whether the text leans on the contact data of its signature: "please call me back". */
export function asksForContact(text: string): boolean {
  return asksBack.test(text);
}

const below =
  /(?:see|find|answers?|replies|responses|comments?|mail|e-?mail|message|thread|conversation|correspondence|forward\p{L}{0,3}|note|quoted|written) (?:\p{L}{1,14} ){0,4}below|below (?:mail|e-?mail|message|thread|conversation)|(?:comments?|answers?|replies|responses) (?:\p{L}{1,14} ){0,2}in-?line|in-?line (?:comments?|answers?|replies)|(?<!\p{L})(?:fyi|fwd)(?!\p{L})|i(?:'m| am)? forward|forwarding|s\. ?u\.(?= |$)|siehe (?:\p{L}{1,14} ){0,3}unten|(?:antwort\p{L}{0,3}|kommentare?|anmerkungen|mail|nachricht|verlauf) (?:\p{L}{1,14} ){0,3}unten|(?:unten|nach)steh|weiterleit|leite \p{L}{1,14} .{0,60}weiter|weitergeleitet|zur (?:info|kenntnis)|z\. ?k\.|(?:см\.?|смотрите|смотри|ответ\p{L}{0,4}|письм\p{L}{0,2}|перепис\p{L}{0,3}|комментари\p{L}{0,2}|сообщени\p{L}{0,2}) (?:\p{L}{1,14} ){0,3}ниже|ниже (?:\p{L}{1,14} ){0,2}(?:письм|перепис|сообщени|ответ)|нижеследующ|пересыла|переслал|перешл|для (?:сведения|информации)/iu;

/** Whether the text sends its reader to what stands below it: "see the mail below", "my answers inline", "FYI". */
export function refersBelow(text: string): boolean {
  return below.test(text);
}
