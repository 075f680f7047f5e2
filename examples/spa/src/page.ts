/** The element of index.html with this id. */
export function byId(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (!element) throw new Error(`index.html has no element "${id}"`);
  return element;
}

export function show(element: HTMLElement, shown: boolean): void {
  element.hidden = !shown;
}

/** A new element that holds this text and these elements. Text is never read as HTML: names are what people made them. */
export function element(tag: string, ...content: (string | Node)[]): HTMLElement {
  const made = document.createElement(tag);
  made.append(...content);
  return made;
}

/** Runs an action and says what goes wrong in it. */
export type Act = (action: () => Promise<void>) => Promise<void>;

export function button(label: string, onClick: () => Promise<void>, act: Act): HTMLElement {
  const made = element('button', label);
  made.addEventListener('click', () => act(onClick));
  return made;
}
