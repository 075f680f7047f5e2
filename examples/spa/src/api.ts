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

/** The API says no, and why (RFC 9457): switch on `type`, show `message`. */
export class Refusal extends Error {
  constructor(readonly status: number, readonly type: string, sentence: string) {
    super(sentence);
  }
}

async function refusal(response: Response): Promise<Refusal> {
  // What comes from a proxy on the way is no problem document.
  const problem = await response.json().catch(() => ({}));
  const title = problem.title ?? `The API answered ${response.status}`;
  const wait = response.headers.get('Retry-After');
  const sentences = [title, problem.detail, wait === null ? undefined : `Try again in ${wait} seconds.`];
  return new Refusal(response.status, problem.type ?? 'about:blank', sentences.filter(Boolean).join(' — '));
}

/** Portcullis, as the one who is signed in. */
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

  /** The person as they are after it. */
  setEnabled(id: string, enabled: boolean): Promise<Person> {
    return this.#call('POST', `/api/v1/users/${id}/${enabled ? 'enable' : 'disable'}`);
  }

  /** Whatever the method: a request that is answered 401 has done nothing, so it may be repeated. */
  async #call<T>(method: string, path: string): Promise<T> {
    let response = await this.#send(method, path, await this.session.accessToken());
    if (response.status === 401) response = await this.#send(method, path, await this.session.renew());
    // Refused twice: another token of the same kind would not help.
    if (response.status === 401) throw new SignedOut();
    if (!response.ok) throw await refusal(response);
    return response.json();
  }

  async #send(method: string, path: string, token: string): Promise<Response> {
    try {
      return await fetch(this.address + path, { method, headers: { Authorization: `Bearer ${token}` } });
    } catch (cause) {
      // The network, or an origin that the API does not allow: a browser does not tell a page which.
      throw new Error('The API cannot be reached. Try again later.', { cause });
    }
  }
}
