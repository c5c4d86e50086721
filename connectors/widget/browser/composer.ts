/** The field that a visitor writes in, with the files to go with the message. */
import { element } from "./conversation-view.ts";
import type { Post } from "./hub-client.ts";
import type { Kept } from "./kept.ts";
import type { Messages } from "./messages.ts";
import { sizeIn } from "./messages.ts";

export interface ComposerOptions {
  form: HTMLFormElement;
  texts: Messages;
  language: string;
  maxFiles: number;
  maxFileBytes: number;
  kept: Kept;
  onSend(post: Post): void;
  onTyping(): void;
}

function contentOf(file: File): Promise<string> {
  return new Promise((resolve, reject) => {
    const reader = new FileReader();
    // A data URL is the only base64 that every browser makes by itself.
    reader.addEventListener("load", () => resolve(String(reader.result).replace(/^[^,]*,/, "")));
    reader.addEventListener("error", () => reject(reader.error));
    reader.readAsDataURL(file);
  });
}

function part<Type extends Element>(form: HTMLFormElement, name: string): Type {
  const found = form.querySelector<Type>(`.${name}`);
  if (found === null) throw new Error(`frame.html lacks .${name}`);
  return found;
}

export function composer(options: ComposerOptions): { focus(): void } {
  const { form, texts, kept, maxFiles, maxFileBytes } = options;
  const field = part<HTMLTextAreaElement>(form, "field");
  const attach = part<HTMLButtonElement>(form, "attach");
  const picker = part<HTMLInputElement>(form, "picker");
  const chips = part<HTMLElement>(form, "chips");
  const fault = part<HTMLElement>(form, "fault");
  const send = part<HTMLButtonElement>(form, "send");
  const row = part<HTMLFieldSetElement>(form, "row");
  let files: File[] = [];

  const ready = () => field.value.trim() !== "" || files.length > 0;
  const refresh = () => {
    // Not `disabled`: the button would vanish from the keyboard's way while the visitor is on it.
    send.setAttribute("aria-disabled", String(!ready()));
    chips.replaceChildren(
      ...files.map((file) => {
        const remove = element("button", "remove", "×");
        remove.type = "button";
        remove.setAttribute("aria-label", texts.remove(file.name));
        remove.addEventListener("click", () => {
          files = files.filter((other) => other !== file);
          refresh();
          field.focus();
        });
        const size = sizeIn(texts, options.language, file.size);
        return element("li", "chip", element("bdi", "", file.name), element("small", "", size), remove);
      }),
    );
  };
  const add = (more: Iterable<File>) => {
    fault.textContent = "";
    for (const file of more) {
      if (files.length >= maxFiles) fault.textContent = texts.tooManyFiles(maxFiles);
      else if (file.size > maxFileBytes) {
        fault.textContent = texts.fileTooLarge(file.name, sizeIn(texts, options.language, maxFileBytes));
      } else files.push(file);
    }
    refresh();
  };
  const submit = async () => {
    if (!ready()) return;
    const chosen = files;
    const text = field.value.trim();
    const attachments: Post["attachments"] = [];
    for (const file of chosen) {
      try {
        attachments.push({
          name: file.name.slice(0, 255),
          mediaType: file.type,
          content: await contentOf(file),
        });
      } catch {
        fault.textContent = texts.fileUnreadable(file.name);
        return;
      }
    }
    files = files.filter((file) => !chosen.includes(file));
    field.value = "";
    fault.textContent = "";
    kept.set("draft", null);
    refresh();
    options.onSend({ id: crypto.randomUUID(), text, attachments });
  };

  field.value = kept.get("draft") ?? "";
  attach.hidden = maxFiles === 0;
  refresh();
  attach.addEventListener("click", () => picker.click());
  picker.addEventListener("change", () => {
    add(picker.files ?? []);
    picker.value = "";
    field.focus();
  });
  field.addEventListener("input", () => {
    kept.set("draft", field.value || null);
    options.onTyping();
    refresh();
  });
  field.addEventListener("paste", (event) => {
    const pasted = event.clipboardData?.files;
    if (pasted === undefined || pasted.length === 0 || maxFiles === 0) return;
    event.preventDefault();
    add(pasted);
  });
  field.addEventListener("keydown", (event) => {
    // While an input method is composing (Chinese, say), Enter ends a word, not the message.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    void submit();
  });
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    void submit();
    field.focus();
  });
  // Until here, Enter would only have made a new line, and what was typed would have been lost.
  row.disabled = false;
  return { focus: () => field.focus() };
}
