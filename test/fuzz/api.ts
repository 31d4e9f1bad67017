/** Routes × bodies: a few requests in a row to a fresh server. Every one is answered, none fails for a reason that nobody gave, and what is stored can be read back by Go. */
import { request as httpRequest } from 'node:http';
import fc from 'fast-check';
import type { Context } from '#api/context';
import { initRequest, networkCreateRequest, stackDeployRequest } from '#api/request/bodies';
import { allRoutes } from '#api/routes/all';
import type { Metrics } from '#api/metrics/metrics';
import { clusterSpec, configSpec, nodeSpec, repositorySpec, secretSpec } from '#model/shape/object-shapes';
import { serviceSpec } from '#model/shape/service-shape';
import type { Kind } from '#model/shape/shape';
import { startApi } from '#test/support/api-fixture';
import { valueFor } from './shape-values.ts';
import { target } from './target.ts';

interface Asked {
  method: string;
  path: string;
  body?: unknown;
}

/** Bodies by pattern; routes that take none get anything. */
const bodies: Readonly<Record<string, Kind>> = {
  '/services/create': serviceSpec.kind,
  '/services/{}/update': serviceSpec.kind,
  '/secrets/create': secretSpec.kind,
  '/secrets/{}/update': secretSpec.kind,
  '/configs/create': configSpec.kind,
  '/configs/{}/update': configSpec.kind,
  '/networks/create': networkCreateRequest.kind,
  '/nodes/{}/update': nodeSpec.kind,
  '/swarm/init': initRequest.kind,
  '/swarm/update': clusterSpec.kind,
  '/shoal/v1/stacks/{}': stackDeployRequest.kind,
  '/shoal/v1/repositories': repositorySpec.kind,
};

const routes = allRoutes({} as Context, {} as Metrics, false);
const reference = fc.oneof(
  fc.constantFrom('web', 'a', 'node-one', 'ingress', 'x', '%00', '..', '%2e%2e', '__proto__'),
  fc.string({ maxLength: 6 }).map(encodeURIComponent),
);
const queryKeys = [
  'version',
  'filters',
  'force',
  'stdout',
  'stderr',
  'tail',
  'since',
  'until',
  'follow',
  'rollback',
  'registryAuthFrom',
  'insertDefaults',
  'status',
  'scope',
  'verbose',
  'prune',
  'rotateWorkerToken',
];
const queryValue = fc.oneof(
  fc.constantFrom(
    '1',
    '2',
    '',
    '-1',
    'true',
    'previous',
    '18446744073709551616',
    '{"name":["web"]}',
    '{"label":{"a":true}}',
    '{"x":',
    '[]',
    '{"name":null}',
    '{"until":["1h"]}',
    '{"dangling":["true"]}',
    '1.5e3',
    '%',
  ),
  fc.string({ maxLength: 8 }),
);
const query = fc
  .array(fc.tuple(fc.constantFrom(...queryKeys), queryValue), { maxLength: 3 })
  .map((pairs) => pairs.map(([key, value]) => `${key}=${encodeURIComponent(value)}`).join('&'));

/** Well-formed enough to be stored: what comes after has something to meet. */
const usual = fc
  .record({ Name: fc.constantFrom('web', 'a'), TaskTemplate: fc.constant({ ContainerSpec: { Image: 'a' } }) })
  .chain((fixed) =>
    valueFor(serviceSpec.kind).map((wild) => (typeof wild === 'object' && wild !== null && !Array.isArray(wild) ? { ...wild, ...fixed } : fixed)),
  );

const asked: fc.Arbitrary<Asked> = fc.oneof(
  { weight: 1, arbitrary: usual.map((body) => ({ method: 'POST', path: '/services/create', body })) },
  {
    weight: 4,
    arbitrary: fc.constantFrom(...routes).chain(({ method, pattern }) => {
      const kind = bodies[pattern];
      const body = method === 'POST' ? (kind ? valueFor(kind) : fc.jsonValue({ maxDepth: 2 })) : fc.constant(undefined);
      const filled = fc
        .array(reference, { minLength: 2, maxLength: 2 })
        .map((names) => names.reduce((path, name) => path.replace('{}', () => name || 'x'), pattern));
      return fc
        .record({ filled, query, body })
        .map((parts) => ({ method, path: `${parts.filled}?${parts.query}`, ...(parts.body !== undefined && { body: parts.body }) }));
    }),
  },
);

/** A number that Go's integers do not read, outside of any text. */
const oddNumber = /[:,[]-?\d+(?:\.\d+)?e[+-]?\d/i;
const lists = ['/services', '/secrets', '/configs', '/networks', '/nodes', '/tasks', '/info', '/shoal/v1/stacks', '/shoal/v1/repositories'];

export const apiTarget = target<Asked[]>({
  name: 'api',
  inputs: fc.array(asked, { minLength: 1, maxLength: 6 }),
  start: async () => ({ judge, stop: async () => undefined }),
});

async function judge(requests: Asked[]): Promise<string | undefined> {
  const api = await startApi();
  try {
    for (const { method, path, body } of requests) {
      await answer(api.socketPath, method, path, body);
      if (api.complaints.length > 0) return `${method} ${path}: ${api.complaints.join('\n')}`;
    }
    if (api.status.LocalNodeState !== 'active') return undefined;
    for (const path of lists) {
      const reply = await answer(api.socketPath, 'GET', path);
      if (reply.status !== 200) return `GET ${path}: ${reply.status} ${reply.text}`;
      if (oddNumber.test(reply.text.replaceAll(/"(?:[^"\\]|\\.)*"/g, '""'))) return `GET ${path}: a number that Go does not read in ${reply.text}`;
    }
    return api.complaints.length > 0 ? api.complaints.join('\n') : undefined;
  } finally {
    await api.stop();
  }
}

/** Streams are left once they have begun. */
function answer(socketPath: string, method: string, path: string, body?: unknown): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, method, path, agent: false }, (response) => {
      let text = '';
      const isStream = response.headers['content-length'] === undefined && response.statusCode === 200;
      response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
      response.on('error', () => undefined);
      response.on('close', () => resolve({ status: response.statusCode ?? 0, text }));
      if (isStream) setTimeout(() => response.destroy(), 3);
    });
    request.on('error', reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
  });
}
