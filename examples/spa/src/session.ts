import { ErrorResponse, UserManager, type User } from 'oidc-client-ts';

import type { Config } from './config';

/** There is no usable token, and the user must sign in to get one. */
export class SignedOut extends Error {}

/** The session at the identity provider: sign-in by code with PKCE, tokens kept per tab and renewed before they expire. */
export class Session {
  readonly #manager: UserManager;
  readonly #resource: string | undefined;
  /** The pending renewal. Only one runs at a time: reuse of a refresh token looks like theft. */
  #renewal: Promise<string> | undefined;

  constructor({ issuer, clientId, scope, resource, parameters }: Config) {
    const here = new URL('.', location.href).href;
    this.#resource = resource;
    this.#manager = new UserManager({
      authority: issuer,
      client_id: clientId,
      redirect_uri: here,
      post_logout_redirect_uri: here,
      scope,
      resource,
      extraQueryParams: parameters,
      // The library sends the resource only in the authorization request.
      extraTokenParams: resource === undefined ? {} : { resource },
      // Done below: the library's renewal would not send the resource either, and could run concurrently with one after a 401.
      automaticSilentRenew: false,
    });
    this.#manager.events.addAccessTokenExpiring(() => {
      // A failure is reported by the next call.
      this.renew().catch(() => undefined);
    });
  }

  /** Returns the signed-in user. Completes a sign-in if the provider has just redirected back. */
  async resume(): Promise<User | null> {
    const answer = new URLSearchParams(location.search);
    if (!answer.has('state')) return this.#manager.getUser();
    try {
      return await this.#manager.signinCallback() ?? null;
    } finally {
      // Prevents a second use by a reload or the history.
      history.replaceState(null, '', location.pathname);
    }
  }

  signIn(): Promise<void> {
    return this.#manager.signinRedirect();
  }

  /** Ends the session here and at the provider. */
  signOut(): Promise<void> {
    return this.#manager.signoutRedirect();
  }

  /** Removes the tokens, which are no longer valid. */
  forget(): Promise<void> {
    return this.#manager.removeUser();
  }

  /** An access token that has not expired. */
  async accessToken(): Promise<string> {
    const user = await this.#manager.getUser();
    if (!user) throw new SignedOut();
    return user.expired ? this.renew() : user.access_token;
  }

  /** A new access token, without user interaction. */
  renew(): Promise<string> {
    this.#renewal ??= this.#renew().finally(() => {
      this.#renewal = undefined;
    });
    return this.#renewal;
  }

  async #renew(): Promise<string> {
    if (!(await this.#manager.getUser())?.refresh_token) throw new SignedOut();
    try {
      const user = await this.#manager.signinSilent({ resource: this.#resource });
      if (user) return user.access_token;
    } catch (error) {
      // Other failures, such as an unreachable provider, do not end the session.
      if (!(error instanceof ErrorResponse && error.error === 'invalid_grant')) throw error;
    }
    throw new SignedOut();
  }
}
