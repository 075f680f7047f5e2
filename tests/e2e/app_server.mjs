// Serves an app of examples/ the way a team would: files, its configuration, and a strict policy for the page.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, request as forwarded } from 'node:http';
import { delimiter, dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url));
const TYPES = { '.css': 'text/css', '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.json': 'application/json' };

/** `npm run build`, but by the Node.js that runs this: the machine's own may be too old. */
function build(folder) {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` };
  const { error, status, stdout, stderr } = spawnSync(process.execPath, ['--run', 'build'], { cwd: folder, env, encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(`${folder} does not build; \`npm ci\` there?\n${stdout}${stderr}`);
}

/** The single-page app, as built now. */
export function builtSpa() {
  build(join(EXAMPLES, 'spa'));
  return join(EXAMPLES, 'spa', 'dist');
}

/** The app that holds no tokens, which needs no build. */
export const BFF = join(EXAMPLES, 'bff');
/** Where its page says where the service is. */
const SERVICE = /(?<=<html [^>]*data-service=")[^"]*/;

/** What the page may load and ask: its own files, and the API and the provider where it asks them. */
function policy({ api = '', issuer = '' }) {
  return `default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self' ${api} ${issuer}; `
    + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

/** Passes a request on to `address`, as a reverse proxy does that keeps the name by which it was asked. */
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

/** A file of an app, with the app's settings in it: one app keeps them in a file of their own, one in its page. */
async function read(folder, file, config) {
  if (file === '/config.json') return JSON.stringify(config);
  const content = await readFile(join(folder, file));
  return file === '/index.html' ? String(content).replace(SERVICE, config.api) : content;
}

/**
 * Serves `folder` under `host`, a name of this machine. It listens before it is of use, since the provider and the
 * service have to know its origin; `configure` says what the app is told, and where `/api` and `/auth` lead, if they are
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

/** Serves an empty page that may do whatever a browser lets it: somebody else's. */
export function startForeignPage(host) {
  return listen(createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' }).end('<title>Foreign</title><link rel="icon" href="data:,">');
  }), host);
}
