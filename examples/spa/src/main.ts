import { type Access, Api } from './api';
import { loadConfig } from './config';
import { PeopleView } from './people';
import { ProfileView } from './profile';
import { Session, SignedOut } from './session';
import { byId, show } from './page';

const notice = byId('notice');

function showNotice(text: string): void {
  notice.textContent = text;
  show(notice, text !== '');
}

function showSignedIn(name: string | undefined): void {
  byId('name').textContent = name ?? '';
  show(byId('signed-in'), name !== undefined);
  show(byId('sign-out'), name !== undefined);
  show(byId('sign-in'), name === undefined);
}

function may(access: Access, permission: string): boolean {
  return access.permissions.some(({ name, allowed }) => name === permission && allowed);
}

async function start(): Promise<void> {
  const config = await loadConfig();
  const session = new Session(config);
  const api = new Api(config.api, session);

  /** Runs an action. Shows its error, and clears the previous one. */
  async function act(action: () => Promise<void>): Promise<void> {
    showNotice('');
    try {
      await action();
    } catch (error) {
      if (error instanceof SignedOut) {
        await session.forget();
        showSignedIn(undefined);
      }
      showNotice(error instanceof SignedOut ? 'You are signed out. Sign in again.' : `${error instanceof Error ? error.message : error}`);
    }
  }

  const profile = new ProfileView(api, act);
  const people = new PeopleView(api, act);
  byId('sign-in').addEventListener('click', () => act(() => session.signIn()));
  byId('sign-out').addEventListener('click', () => act(() => session.signOut()));

  showSignedIn(undefined);
  await act(async () => {
    const user = await session.resume();
    if (!user) return;
    showSignedIn(user.profile.name ?? user.profile.sub);
    await profile.load();
    // Hiding controls is a convenience: the API enforces permissions.
    const access = await api.access();
    if (may(access, 'users:read')) await people.open(may(access, 'users:write'));
  });
}

start().catch((error: unknown) => showNotice(`The app did not start. ${error}`));
