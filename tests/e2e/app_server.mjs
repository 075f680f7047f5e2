// Serves an app of examples/ as a team would: its files, its configuration, and a strict policy for the page.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, request as forwarded } from 'node:http';
import { delimiter, dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));
const TYPES = { '.css': 'text/css', '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.json': 'application/json' };

/** Runs `npm run build` with the Node.js of this process: the machine's own may be too old. */
function build(folder) {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` };
  const { error, status, stdout, stderr } = spawnSync(process.execPath, ['--run', 'build'], { cwd: folder, env, encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(`${folder} does not build; run \`npm ci\` there\n${stdout}${stderr}`);
}

/** The single-page app, freshly built. */
export function builtSpa() {
  build(join(EXAMPLES, 'spa'));
  return join(EXAMPLES, 'spa', 'dist');
}

/** The app without tokens, which needs no build. */
export const BFF = join(EXAMPLES, 'bff');
/** The attribute of its page with the service's address. */
const SERVICE = /(?<=<html [^>]*data-service=")[^"]*/;

/** The page's content security policy: its own files, and connections to the API and the provider. */
function policy({ api = '', issuer = '' }) {
  return `default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self' ${api} ${issuer}; `
    + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

/** Forwards a request to `address`, as a reverse proxy does that keeps the host name. */
function forward(request, response, address) {
  const outgoing = forwarded(new URL(request.url, address), { headers: request.headers, method: request.method }, (answer) => {
    response.writeHead(answer.statusCode, answer.rawHeaders);
    answer.pipe(response);
  });
  outgoing.once('error', () => response.writeHead(502).end());
  request.pipe(outgoing);
}

async function listen(server, host) {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  return {
    origin: `http://${host}:${server.address().port}`,
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A file of an app with the app's settings: one app has them in a separate file, one in its page. */
async function read(folder, file, config) {
  if (file === '/config.json') return JSON.stringify(config);
  const content = await readFile(join(folder, file));
  return file === '/index.html' ? String(content).replace(SERVICE, config.api) : content;
}

/**
 * Serves `folder` under `host`, a name of this machine. It listens before it is configured, since the provider and the
 * service need its origin first; `configure` sets the app's settings, and the target of `/api` and `/auth` if they are
 * on this origin.
 */
export async function startApp(folder, host = '127.0.0.1') {
  let [config, service] = [{}, undefined];
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://app');
    if (service && /^\/(api|auth)\//.test(pathname)) return forward(request, response, service);
    const file = normalize(pathname === '/' ? '/index.html' : pathname);
    try {
      const body = await read(folder, file, config);
      response.writeHead(200, { 'content-security-policy': policy(config), 'content-type': TYPES[extname(file)] });
      return response.end(body);
    } catch {
      return response.writeHead(404).end();
    }
  });
  return {
    ...await listen(server, host),
    configure(values, leadTo) {
      [config, service] = [values, leadTo];
    },
  };
}

/** Serves an empty page of a foreign origin without a policy. */
export function startForeignPage(host) {
  return listen(createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<title>Foreign</title><link rel="icon" href="data:,">');
  }), host);
}
