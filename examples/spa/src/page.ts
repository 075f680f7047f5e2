/** The element of index.html with this id. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no element "${id}"`);
  return element;
}

export function show(element: HTMLElement, shown: boolean): void {
  element.hidden = !shown;
}

/** Creates an element with this content. Text is never parsed as HTML: names are user input. */
export function element(tag: string, ...content: (string | Node)[]): HTMLElement {
  const created = document.createElement(tag);
  created.append(...content);
  return created;
}

/** Runs an action and shows its error. */
export type Act = (action: () => Promise<void>) => Promise<void>;

export function button(label: string, onClick: () => Promise<void>, act: Act): HTMLElement {
  const created = element('button', label);
  created.addEventListener('click', () => act(onClick));
  return created;
}
