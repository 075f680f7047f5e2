/** Where things are. Read when the app starts, so that one build serves every environment. */
export interface Config {
  /** The address of Portcullis. */
  api: string;
  /** The identity provider, spelled as its discovery document spells it. */
  issuer: string;
  /** The app's client there: public, code with PKCE, this page's address to return to. */
  clientId: string;
  /** What to ask for: `openid`, what the provider wants for a refresh token, and the API's permissions that the app uses. */
  scope: string;
  /** Whom the token is for, where the provider follows RFC 8707. */
  resource?: string;
  /** What the provider is told besides, as `{"audience": "https://api.example.com"}` or `{"prompt": "consent"}`. */
  parameters?: Record<string, string>;
}

export async function loadConfig(): Promise<Config> {
  const response = await fetch('config.json', { cache: 'no-cache' });
  if (!response.ok) throw new Error(`config.json cannot be read: ${response.status}`);
  return response.json();
}
