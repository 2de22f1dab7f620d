// What a provider of endpoints is to a node: keys in the path, in the query and in a header, and error texts
// that repeat them. Everything that tracer asks goes through here.
import { Agent, createServer, request } from 'node:http';

// Told to nobody but the configuration and --rpc.
export const SECRETS = { path: 'pAthKey7f3a91c5e2d8', query: 'quEryKey4b6d0e8a1c95', header: 'heAderKey92c7e5f1a0b3' };

export const REFUSALS = ['forbidden', 'rpc-error', 'result', 'redirect', 'page', 'cut'];

function refuse(how, incoming, response, body) {
  const told = `no such project: ${incoming.url} with ${incoming.headers['x-e2e-auth']}`;
  const [call] = [JSON.parse(body)].flat();
  const reply = (status, type, text, headers = {}) => response.writeHead(status, { 'content-type': type, ...headers }).end(text);
  if (how === 'program') reply(200, 'application/json', JSON.stringify({ jsonrpc: '2.0', id: call.id, result: told }));
  else if (how === 'forbidden') reply(401, 'application/json', JSON.stringify({ error: told }));
  else if (how === 'rpc-error') reply(200, 'application/json', JSON.stringify({ jsonrpc: '2.0', id: call.id, error: { code: -32000, message: told, data: told } }));
  else if (how === 'result') reply(200, 'application/json', JSON.stringify({ jsonrpc: '2.0', id: call.id, result: told }));
  else if (how === 'redirect') reply(302, 'text/plain', told, { location: `http://${incoming.headers.host}${incoming.url}&again` });
  else if (how === 'page') reply(200, 'text/html', `<p>${told}`);
  else {
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': 1000 });
    response.write(told, () => response.destroy());
  }
}

export class Gate {
  static async open(node) {
    const gate = new Gate();
    gate.agent = new Agent({ keepAlive: true });
    gate.passed = { plain: 0, authorized: 0, program: 0 };
    gate.refused = new Set();
    gate.server = createServer((incoming, response) => gate.#pass(node, incoming, response));
    await new Promise((resolve, reject) => {
      gate.server.once('error', reject);
      gate.server.listen(0, '127.0.0.1', resolve);
    });
    gate.host = `127.0.0.1:${gate.server.address().port}`;
    return gate;
  }

  url(door = 'plain', host = this.host) {
    return `http://${host}/${door}/${SECRETS.path}?apikey=${SECRETS.query}`;
  }

  // The header that opens the doors `authorized` and `program`; the latter repeats its keys as the name of its program.
  get header() {
    return `X-E2E-Auth: Bearer ${SECRETS.header}`;
  }

  #pass(node, incoming, response) {
    const chunks = [];
    incoming.on('data', (chunk) => chunks.push(chunk));
    incoming.on('end', () => {
      const body = Buffer.concat(chunks);
      const door = incoming.url.split('/')[1];
      const authorized = incoming.headers['x-e2e-auth'] === `Bearer ${SECRETS.header}`;
      if (REFUSALS.includes(door) || (door === 'program' && body.includes('web3_clientVersion'))) {
        this.refused.add(door);
        return refuse(door, incoming, response, body);
      }
      if (incoming.url !== new URL(this.url(door)).pathname + new URL(this.url(door)).search ||
          !(door === 'plain' ? !authorized : ['authorized', 'program'].includes(door) && authorized))
        return response.writeHead(401).end('wrong key');
      this.passed[door]++;
      const forward = request({ host: '127.0.0.1', port: node.port, method: 'POST', agent: this.agent,
        headers: { 'content-type': 'application/json', 'content-length': body.length } }, (answer) => {
        response.writeHead(answer.statusCode, { 'content-type': answer.headers['content-type'] ?? 'text/plain' });
        answer.pipe(response);
      });
      forward.once('error', () => response.destroy());
      return forward.end(body);
    });
  }

  close() {
    this.agent.destroy();
    this.server.close();
    this.server.closeAllConnections();
  }
}
