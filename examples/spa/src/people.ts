import type { Api, Person } from './api';
import { type Act, button, byId, element, show } from './page';

/** The list of users, for administrators: paginated, with a button per user. */
export class PeopleView {
  #cursor: string | null = null;
  #editable = false;

  constructor(private readonly api: Api, private readonly act: Act) {
    byId('more-people').addEventListener('click', () => act(() => this.#more()));
  }

  /** Shows the first page, with buttons if the signed-in user may change users. */
  async open(editable: boolean): Promise<void> {
    this.#editable = editable;
    show(byId('people'), true);
    await this.#more();
  }

  async #more(): Promise<void> {
    const page = await this.api.people(this.#cursor);
    byId('people-rows').append(...page.items.map((person) => this.#row(person)));
    this.#cursor = page.next_cursor;
    show(byId('more-people'), page.next_cursor !== null);
  }

  #row(person: Person): HTMLElement {
    const name = person.display_name ?? person.username ?? person.id;
    const row = element('tr', element('td', name), element('td', person.status), element('td'));
    if (this.#editable) {
      const enabled = person.status !== 'active';
      const change = async () => row.replaceWith(this.#row(await this.api.setEnabled(person.id, enabled)));
      row.lastElementChild?.append(button(enabled ? 'Enable' : 'Disable', change, this.act));
    }
    return row;
  }
}
