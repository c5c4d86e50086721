/** What the frame says, in English and Russian. */

const en = {
  close: "Close the chat",
  log: "Conversation",
  field: "Your message",
  placeholder: "Write a message…",
  send: "Send",
  attach: "Attach files",
  remove: (name: string) => `Remove ${name}`,
  greeting: "Hello! How can we help?",
  you: "You",
  sending: "Sending…",
  sent: "Sent",
  notSent: "Not sent.",
  retry: "Try again",
  offline: "No connection. We keep trying.",
  noAnswer: "No connection.",
  refused: "Chat is not available just now.",
  signIn: "Please sign in to use the chat.",
  slowDown: "Too many messages at once. Wait a moment and try again.",
  tooLargeTogether: "The files are too large together. Send fewer of them.",
  fileTooLarge: (name: string, limit: string) => `“${name}” is too large. The limit is ${limit}.`,
  tooManyFiles: (limit: number) => `At most ${limit} files in one message.`,
  fileUnreadable: (name: string) => `“${name}” could not be read.`,
  fileGone: "The file could not be loaded.",
  hint: "Enter sends, Shift+Enter starts a new line",
  megabytes: "MB",
  kilobytes: "kB",
};

export type Messages = typeof en;

const ru: Messages = {
  close: "Закрыть чат",
  log: "Переписка",
  field: "Ваше сообщение",
  placeholder: "Напишите сообщение…",
  send: "Отправить",
  attach: "Прикрепить файлы",
  remove: (name) => `Убрать ${name}`,
  greeting: "Здравствуйте! Чем можем помочь?",
  you: "Вы",
  sending: "Отправляется…",
  sent: "Отправлено",
  notSent: "Не отправлено.",
  retry: "Повторить",
  offline: "Нет связи. Пробуем снова.",
  noAnswer: "Нет связи.",
  refused: "Чат сейчас недоступен.",
  signIn: "Войдите на сайт, чтобы написать нам.",
  slowDown: "Слишком много сообщений сразу. Подождите немного и повторите.",
  tooLargeTogether: "Файлы вместе слишком велики. Отправьте их по частям.",
  fileTooLarge: (name, limit) => `Файл «${name}» слишком большой. Предел — ${limit}.`,
  tooManyFiles: (limit) => `Не больше ${limit} файлов в одном сообщении.`,
  fileUnreadable: (name) => `Файл «${name}» не удалось прочитать.`,
  fileGone: "Файл не удалось загрузить.",
  hint: "Enter — отправить, Shift+Enter — новая строка",
  megabytes: "МБ",
  kilobytes: "КБ",
};

export function messagesIn(language: string): Messages {
  return language === "ru" ? ru : en;
}

/** Bytes for people. */
export function sizeIn(texts: Messages, language: string, bytes: number): string {
  const large = bytes >= 1_000_000;
  const number = new Intl.NumberFormat(language, { maximumFractionDigits: large ? 1 : 0 });
  return `${number.format(Math.max(1_000, bytes) / (large ? 1_000_000 : 1_000))} ${large ? texts.megabytes : texts.kilobytes}`;
}
