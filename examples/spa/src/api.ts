import { type Session, SignedOut } from './session';

export interface Profile {
  id: string;
  display_name: string | null;
  username: string | null;
  email: string | null;
  locale: string | null;
}

export interface Access {
  roles: { name: string }[];
  permissions: { name: string; allowed: boolean }[];
}

export interface Person {
  id: string;
  display_name: string | null;
  username: string | null;
  status: 'pending' | 'active' | 'disabled' | 'deleted';
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** An error response of the API (RFC 9457). Branch on `type` and show `message`. */
export class Refusal extends Error {
  constructor(readonly status: number, readonly type: string, message: string) {
    super(message);
  }
}

async function refusal(response: Response): Promise<Refusal> {
  // A response from a proxy may not be a problem document.
  const problem = await response.json().catch(() => ({}));
  const title = problem.title ?? `The API responded with ${response.status}`;
  const wait = response.headers.get('Retry-After');
  const sentences = [title, problem.detail, wait === null ? undefined : `Try again in ${wait} seconds.`];
  return new Refusal(response.status, problem.type ?? 'about:blank', sentences.filter(Boolean).join(' — '));
}

/** The API, called as the signed-in user. */
export class Api {
  constructor(private readonly address: string, private readonly session: Session) {}

  profile(): Promise<Profile> {
    return this.#call('GET', '/api/v1/me');
  }

  access(): Promise<Access> {
    return this.#call('GET', '/api/v1/me/access');
  }

  people(cursor: string | null): Promise<Page<Person>> {
    return this.#call('GET', `/api/v1/users${cursor === null ? '' : `?cursor=${encodeURIComponent(cursor)}`}`);
  }

  /** Enables or disables a user. Returns the updated user. */
  setEnabled(id: string, enabled: boolean): Promise<Person> {
    return this.#call('POST', `/api/v1/users/${id}/${enabled ? 'enable' : 'disable'}`);
  }

  /** Repeats the request once after 401. That is safe for every method: a request that gets 401 has changed nothing. */
  async #call<T>(method: string, path: string): Promise<T> {
    let response = await this.#send(method, path, await this.session.accessToken());
    if (response.status === 401) response = await this.#send(method, path, await this.session.renew());
    // A second 401: another token would not help.
    if (response.status === 401) throw new SignedOut();
    if (!response.ok) throw await refusal(response);
    return response.json();
  }

  async #send(method: string, path: string, token: string): Promise<Response> {
    try {
      return await fetch(this.address + path, { method, headers: { Authorization: `Bearer ${token}` } });
    } catch (cause) {
      // The network failed, or the API does not allow the origin: browsers do not reveal which.
      throw new Error('The API cannot be reached. Try again later.', { cause });
    }
  }
}
