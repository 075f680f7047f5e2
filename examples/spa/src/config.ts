/** The configuration of the app. Read at startup, so that one build serves every environment. */
export interface Config {
  /** The URL of Portcullis. */
  api: string;
  /** The issuer, exactly as in its discovery document. */
  issuer: string;
  /** The app's client id there: a public client with code and PKCE, and with this page as redirect URI. */
  clientId: string;
  /** The scopes to request: `openid`, the provider's scope for refresh tokens, and the permissions of the API that the app uses. */
  scope: string;
  /** The resource of the token, if the provider supports RFC 8707. */
  resource?: string;
  /** Additional authorization parameters, such as `{"audience": "https://api.example.com"}` or `{"prompt": "consent"}`. */
  parameters?: Record<string, string>;
}

export async function loadConfig(): Promise<Config> {
  const response = await fetch('config.json', { cache: 'no-cache' });
  if (!response.ok) throw new Error(`config.json cannot be read: ${response.status}`);
  return response.json();
}
