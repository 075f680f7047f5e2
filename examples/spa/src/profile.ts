import type { Api } from './api';
import { type Act, byId, element } from './page';

/** The signed-in user's profile in the API. */
export class ProfileView {
  constructor(private readonly api: Api, act: Act) {
    byId('load-profile').addEventListener('click', () => act(() => this.load()));
  }

  async load(): Promise<void> {
    const profile = await this.api.profile();
    const rows = [
      ['Name', profile.display_name],
      ['User name', profile.username],
      ['E-mail', profile.email],
      ['Id', profile.id],
    ];
    byId('profile').replaceChildren(...rows.flatMap(([name, value]) => [element('dt', name ?? ''), element('dd', value ?? '—')]));
  }
}
