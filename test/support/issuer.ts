/** A token issuer on this machine: real keys, discovery document and key set over HTTP. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';

export interface TestIssuer {
  readonly issuer: string;
  /** How often its keys were fetched. */
  fetches(): number;
  /** Signs with the key of this algorithm; claims and header are the caller's. */
  sign(claims: JWTPayload, header?: { alg?: 'RS256' | 'ES256'; kid?: string }): Promise<string>;
  /** Replaces its keys by new ones. */
  rotate(): Promise<void>;
  /** Whether it answers; the size of its key set in bytes, where that is to be larger. */
  mode: 'good' | 'down' | 'large' | 'redirects';
  close(): Promise<void>;
}

export async function testIssuer(): Promise<TestIssuer> {
  let generation = 0;
  let keys = await makeKeys(generation);
  let fetches = 0;
  const server = createServer((request, response) => {
    const { url: path } = request;
    if (self.mode === 'down') return void response.writeHead(503).end();
    if (self.mode === 'redirects') {
      return void response.writeHead(302, { location: `${self.issuer}/elsewhere` }).end();
    }
    if (path === '/.well-known/openid-configuration') {
      const document = { issuer: self.issuer, jwks_uri: `${self.issuer}/keys` };
      return void response.end(JSON.stringify(document));
    }
    fetches++;
    const set = { keys: [keys.RS256.jwk, keys.ES256.jwk], padding: '' };
    if (self.mode === 'large') set.padding = 'x'.repeat(1024 * 1024);
    response.end(JSON.stringify(set));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const self: TestIssuer = {
    issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    fetches: () => fetches,
    mode: 'good',
    sign(claims, { alg = 'RS256', kid = keys[alg].jwk.kid } = {}) {
      return new SignJWT(claims).setProtectedHeader({ alg, kid }).sign(keys[alg].privateKey);
    },
    async rotate() {
      keys = await makeKeys(++generation);
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return self;
}

async function makeKeys(generation: number) {
  const make = async (alg: 'RS256' | 'ES256') => {
    const { publicKey, privateKey } = await generateKeyPair(alg, { extractable: true });
    const kid = `${alg}-${generation}`;
    return { privateKey, jwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' } };
  };
  return { RS256: await make('RS256'), ES256: await make('ES256') };
}
