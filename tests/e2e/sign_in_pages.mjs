// The provider's login and consent pages: a page with a form, for browsers and for scripts, which submit it without reading
// it. Any account name is accepted without a password: Portcullis is under test, not the provider.

const INTERACTION = /^\/interaction\/[\w-]+$/;

const FORMS = {
  login: '<label>Account <input name="account" required autofocus></label> <button>Sign in</button>',
  consent: '<p>It asks to act for you.</p> <button>Allow</button> <button name="denied" value="yes">Deny</button>',
};

function page(content) {
  return `<!doctype html><title>Provider</title><link rel="icon" href="data:,"><h1>Provider</h1>${content}`;
}

/** The sign-out page; `form` is the provider's own. */
export function askToSignOut(ctx, form) {
  ctx.body = page(`${form}<button form="op.logoutForm" name="logout" value="yes">Sign out</button>`);
}

/** The final page of a sign-out without an app. */
export function sayGoodbye(ctx) {
  ctx.body = page('<p>Signed out.</p>');
}

async function form(request) {
  let body = '';
  for await (const chunk of request) body += chunk;
  return new URLSearchParams(body);
}

/** Grants everything requested: OpenID scopes and those of the resource. */
async function consent(provider, { params, prompt, session }) {
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(prompt.details.missingOIDCScope?.join(' ') ?? '');
  for (const [resource, scopes] of Object.entries(prompt.details.missingResourceScopes ?? {})) {
    grant.addResourceScope(resource, scopes.join(' '));
  }
  return { consent: { grantId: await grant.save() } };
}

async function decide(provider, interaction, answers) {
  if (interaction.prompt.name === 'login') return { login: { accountId: answers.get('account') } };
  if (answers.has('denied')) return { error: 'access_denied', error_description: 'the user cancelled' };
  return consent(provider, interaction);
}

export function signInPages(provider) {
  return async (ctx, next) => {
    if (!INTERACTION.test(ctx.path)) return next();
    const interaction = await provider.interactionDetails(ctx.req, ctx.res);
    if (ctx.method === 'GET') {
      ctx.type = 'html';
      ctx.body = page(`<form method="post">${FORMS[interaction.prompt.name]}</form>`);
      return undefined;
    }
    const answer = await decide(provider, interaction, await form(ctx.req));
    ctx.status = 303;
    ctx.set('Location', await provider.interactionResult(ctx.req, ctx.res, answer));
    return undefined;
  };
}
