import { ErrorResponse, UserManager, type User } from 'oidc-client-ts';

import type { Config } from './config';

/** There is no usable token, and none to be had without the person. */
export class SignedOut extends Error {}

/** Somebody's session with the identity provider: code with PKCE in, tokens kept for this tab, renewed before they end. */
export class Session {
  readonly #manager: UserManager;
  readonly #resource: string | undefined;
  /** One at a time: a refresh token that comes twice looks stolen. */
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
      // The library names the resource only where it asks for the code.
      extraTokenParams: resource === undefined ? {} : { resource },
      // Done below: the library's own would not name it either, and would run beside one that a refused call asks for.
      automaticSilentRenew: false,
    });
    this.#manager.events.addAccessTokenExpiring(() => {
      // If it fails, the next call finds out and says so.
      this.renew().catch(() => undefined);
    });
  }

  /** Who is signed in; takes what the provider sent the browser back with, if this is that moment. */
  async resume(): Promise<User | null> {
    const answer = new URLSearchParams(location.search);
    if (!answer.has('state')) return this.#manager.getUser();
    try {
      return await this.#manager.signinCallback() ?? null;
    } finally {
      // Neither a reload nor the history shall bring it again.
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

  /** Forgets the tokens: they are of no use any more. */
  forget(): Promise<void> {
    return this.#manager.removeUser();
  }

  /** An access token that has not ended. */
  async accessToken(): Promise<string> {
    const user = await this.#manager.getUser();
    if (!user) throw new SignedOut();
    return user.expired ? this.renew() : user.access_token;
  }

  /** A fresh access token, without the person. */
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
      // What else fails, as a provider that is away, is no reason to sign anybody out.
      if (!(error instanceof ErrorResponse && error.error === 'invalid_grant')) throw error;
    }
    throw new SignedOut();
  }
}
