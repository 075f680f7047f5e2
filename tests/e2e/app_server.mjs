// Serves examples/spa as built, the way a team would: files, its configuration, and a strict policy for the page.

import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { delimiter, dirname, extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

const APP = fileURLToPath(new URL('../../examples/spa/', import.meta.url));
const TYPES = { '.css': 'text/css', '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.json': 'application/json' };

/** `npm run build`, but by the Node.js that runs this: the machine's own may be too old. */
function build() {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}${delimiter}${process.env.PATH}` };
  const { error, status, stdout, stderr } = spawnSync(process.execPath, ['--run', 'build'], { cwd: APP, env, encoding: 'utf8' });
  if (error) throw error;
  if (status !== 0) throw new Error(`examples/spa does not build; \`npm ci\` there?\n${stdout}${stderr}`);
}

/** What the page may load and ask: its own files, the API and the provider. */
function policy({ api, issuer }) {
  return `default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self' ${api} ${issuer}; `
    + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
}

/** Builds it and listens, first of all: the provider and the API have to know its origin. What `configure` is given goes into config.json. */
export async function startApp() {
  build();
  let config;
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://app');
    const file = normalize(pathname === '/' ? '/index.html' : pathname);
    try {
      const body = file === '/config.json' ? JSON.stringify(config) : await readFile(join(APP, 'dist', file));
      response.writeHead(200, { 'content-security-policy': policy(config), 'content-type': TYPES[extname(file)] });
      response.end(body);
    } catch {
      response.writeHead(404).end();
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.unref();
  return {
    origin: `http://127.0.0.1:${server.address().port}`,
    configure(values) {
      config = values;
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
