// The provider's own login and consent, as plain HTTP: a page that names what it asks for, and one POST to answer it.
// Whoever names an account is signed in as it. No passwords: what is proved here is Portcullis, not the provider.

const INTERACTION = /^\/interaction\/[\w-]+$/;

async function form(request) {
  let body = '';
  for await (const chunk of request) body += chunk;
  return new URLSearchParams(body);
}

/** Grants all that was asked: OpenID scopes and those of the resource. */
async function consent(provider, { params, prompt, session }) {
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(prompt.details.missingOIDCScope?.join(' ') ?? '');
  for (const [resource, scopes] of Object.entries(prompt.details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  return { consent: { grantId: await grant.save() } };
}

export function signInPages(provider) {
  return async (ctx, next) => {
    if (!INTERACTION.test(ctx.path)) return next();
    const interaction = await provider.interactionDetails(ctx.req, ctx.res);
    if (ctx.method === 'GET') {
      ctx.body = { prompt: interaction.prompt.name };
      return undefined;
    }
    const answer = interaction.prompt.name === 'login'
      ? { login: { accountId: (await form(ctx.req)).get('account') } }
      : await consent(provider, interaction);
    ctx.status = 303;
    ctx.set('Location', await provider.interactionResult(ctx.req, ctx.res, answer));
    return undefined;
  };
}
