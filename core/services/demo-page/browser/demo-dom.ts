/** Small helpers to build the demo page's parts; whatever a customer wrote goes in as text, never as HTML. */

export function element<Name extends keyof HTMLElementTagNameMap>(
  name: Name,
  className: string,
  ...children: (Node | string)[]
): HTMLElementTagNameMap[Name] {
  const made = document.createElement(name);
  if (className !== "") made.className = className;
  made.append(...children);
  return made;
}

export function byId<Type extends HTMLElement>(id: string): Type {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`demo.html lacks #${id}`);
  return found as Type;
}

/** What a customer or an agent wrote: its own direction of writing, line breaks kept. */
export function said(text: string): HTMLElement {
  const made = element("p", "said", text);
  made.dir = "auto";
  return made;
}

/**
 * Renders a part only when its data have changed, so that what is being read, selected or typed stays as it is.
 * @returns a function that says whether it rendered
 */
export function part<Data>(root: HTMLElement, render: (data: Data) => Node[]): (data: Data) => boolean {
  let shown: string | undefined;
  return (data) => {
    const next = JSON.stringify(data);
    if (next === shown) return false;
    shown = next;
    root.replaceChildren(...render(data));
    return true;
  };
}
