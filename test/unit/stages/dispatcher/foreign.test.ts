/** Nodes that send what no agent of ours does. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nodeMatches, parseConstraints } from '#model/constraint';
import type { NodeDescription } from '#model/object/node';
import { allocate } from '#stages/allocator/allocator';
import { aNetwork, aNode, runStage, storeOf } from '#test/support/cluster-objects';
import type { TaskStatus } from '#model/object/task';
import { bounded, checkAttachment, checkReports, takenDescription } from '#stages/dispatcher/foreign';
import { taskStates } from '#model/object/task-state';
import { testDescription } from '#test/support/memory-cluster';

const status = { Timestamp: '2026-01-01T00:00:00Z', State: 'running', Message: 'started' };
const code = 'invalidArgument';

test('states that managers give are refused of a node', () => {
  const refused = taskStates.filter((State) => {
    try {
      checkReports([{ taskId: 't', status: { ...status, State } }]);
      return false;
    } catch {
      return true;
    }
  });
  expect(refused).toEqual(['new', 'pending', 'remove', 'orphaned']);
});

test.each([
  [{}],
  ['text'],
  [[null]],
  [[{ taskId: 7, status }]],
  [[{ taskId: 't' }]],
  [[{ taskId: 't', status: { ...status, State: 'constructor' } }]],
  [[{ taskId: 't', status: { ...status, State: undefined } }]],
  [[{ taskId: 't', status: { ...status, Message: {} } }]],
  [[{ taskId: 't', status: { ...status, Err: 5 } }]],
])('reports %j are refused', (reports) => {
  expect(() => checkReports(reports as never)).toThrow(expect.objectContaining({ code }));
});

test.each([
  [undefined],
  [[]],
  [{ ...testDescription, Hostname: 5 }],
  [{ ...testDescription, Platform: null }],
  [{ ...testDescription, Resources: undefined }],
  [{ ...testDescription, Resources: { NanoCPUs: 'many' } }],
  [{ ...testDescription, Resources: { GenericResources: [null] } }],
  [{ ...testDescription, Engine: { EngineVersion: '1', Plugins: {} } }],
])('description %j is refused', (description) => {
  expect(() => takenDescription(description as never)).toThrow(expect.objectContaining({ code }));
});

test('what agents say passes', () => {
  takenDescription(testDescription);
  checkReports([{ taskId: 't', status: { ...status, State: 'failed', Err: 'why' } }]);
});

const attachment = { type: 'attach', containerId: 'c', name: 'n', network: 'net', aliases: ['a'] };

test.each([
  null,
  {},
  { ...attachment, type: 'constructor' },
  { ...attachment, name: undefined },
  { ...attachment, network: 'n'.repeat(256) },
  { ...attachment, aliases: 'a' },
  { ...attachment, aliases: Array.from({ length: 65 }, String) },
  { ...attachment, aliases: [7] },
  { ...attachment, address: 'fd00::1' },
  { type: 'tell', taskId: 't', containerId: 'c', name: 'n', running: 'yes' },
  { type: 'detach', taskId: {} },
])('an attachment that is none is refused: %j', (change) => {
  expect(() => checkAttachment(change as never)).toThrow(expect.objectContaining({ code }));
});

test('of a status what is known is kept, without what makes it too long', () => {
  const status = { State: 'failed', Timestamp: '', Message: 'm', ContainerStatus: { ContainerID: 'c', ExitCode: 7 } } as const;
  const ports = (count: number) => ({
    Ports: Array.from({ length: count }, (_, n) => ({ Protocol: 'udp', TargetPort: n, PublishedPort: n, PublishMode: 'host' })),
  });
  const thousands = { ...status, PortStatus: ports(2000) } as unknown as TaskStatus;
  expect(bounded(thousands)).toEqual(thousands);
  expect(bounded({ ...status, Err: 'x'.repeat(70_000) })).toEqual({ ...status, Err: `${'x'.repeat(8000)} …` });
  expect(bounded({ ...status, PortStatus: ports(9000), Shoal: { AppliedAt: 5 }, X: [[]] } as unknown as TaskStatus)).toEqual(status);
  expect(bounded({ ...status, ContainerStatus: { ContainerID: [[]], PID: 'x', Y: {} } } as never)).toEqual({ ...status, ContainerStatus: {} });
});

test('an attachment that is one passes', () => {
  for (const change of [
    attachment,
    { ...attachment, address: '10.0.0.9' },
    { type: 'tell', taskId: 't', containerId: 'c', name: 'n', running: false },
    { type: 'detach', taskId: 't' },
  ])
    expect(() => checkAttachment(change as never)).not.toThrow();
});

test.each([7, ['x'], [{ Service: 'web' }], [{ Service: 'web', Text: 'x'.repeat(1001) }], Array.from({ length: 65 }, () => ({ Service: 'a', Text: 'b' }))])(
  'ports that others have are a short list of sentences: %j',
  (Clashes) => {
    expect(() => takenDescription({ ...testDescription, Shoal: { Clashes } } as never)).toThrow(expect.objectContaining({ code }));
  },
);

test.each<[object, object]>([
  [
    { Key: `${'A'.repeat(43)}=`, Port: 51_820 },
    { Key: `${'A'.repeat(43)}=`, Port: 51_820 },
  ],
  [
    { Key: `${'A'.repeat(43)}=`, Next: 'x; reboot', Port: 51_820 },
    { Key: `${'A'.repeat(43)}=`, Port: 51_820 },
  ],
  [{ Key: 'A peer', Port: 51_820 }, {}],
  [{ Key: `${'A'.repeat(43)}=`, Port: 70_000 }, {}],
  [{ Lacks: 'x'.repeat(999) }, { Lacks: 'x'.repeat(200) }],
])('of how a node encrypts what is a key and a port goes on: %j', (Encryption, taken) => {
  expect(takenDescription({ ...testDescription, Shoal: { Encryption } } as never).Shoal?.Encryption).toEqual(taken);
});

test.each<[object]>([
  [{ Shoal: { Encryption: { Key: 5 } } }],
  [{ Shoal: { UsedSubnets: 5 } }],
  [{ Shoal: { UsedSubnets: [5] } }],
  [{ Shoal: { Role: 'king' } }],
  [{ Shoal: { FeatureLevel: 'x' } }],
  [{ Engine: { EngineVersion: '1', Labels: { disk: 5 } } }],
  [{ Engine: { EngineVersion: '1', Labels: [] } }],
  [{ Engine: { EngineVersion: '1', Plugins: [{ Type: 5 }] } }],
  [{ Resources: { NanoCPUs: 1.5 } }],
  [{ Resources: { GenericResources: [{ DiscreteResourceSpec: { Kind: 'gpu', Value: 'x' } }] } }],
  [{ TLSInfo: { TrustRoot: 5 } }],
  [{ TLSInfo: 'x' }],
])('a description with %j is refused', (more) => {
  expect(() => takenDescription({ ...testDescription, ...more } as never)).toThrow(expect.objectContaining({ code }));
});

test('of a description what is known is taken, and subnets and addresses that are some', () => {
  const Shoal = { UsedSubnets: ['10.1.0.0/16', 'x', 'fd00::/8'], DataPathAddr: 'nowhere', FeatureLevel: 3, X: [[1]] };
  const taken = takenDescription({ ...testDescription, Shoal, Y: {} } as never);
  expect(taken).toEqual({ ...testDescription, Shoal: { UsedSubnets: ['10.1.0.0/16'], FeatureLevel: 3 } });
});

test('whatever of a description is of another type, what is taken does not end who goes by it', () => {
  const whole = {
    ...testDescription,
    TLSInfo: { TrustRoot: '', CertIssuerSubject: '', CertIssuerPublicKey: '' },
    Shoal: { UsedSubnets: ['10.0.0.0/8'], Role: 'worker' },
  };
  const property = fc.property(fc.constantFrom(...pathsOf(whole)), fc.jsonValue(), (path, value) => {
    let taken: NodeDescription;
    try {
      taken = takenDescription(withAt(whole, path, value) as never);
    } catch (error) {
      expect(error).toMatchObject({ code });
      return;
    }
    nodeMatches(parseConstraints(['engine.labels.disk==ssd', 'node.platform.os==linux']), aNode('n', { Description: taken }), 'worker');
    const store = storeOf({ node: [aNode('n', { Description: taken })], network: [aNetwork('net')] });
    runStage(store, allocate);
  });
  fc.assert(property, { numRuns: 300, seed: 14 });
});

/** Of each field, and of each value within one. */
function pathsOf(value: unknown): string[][] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, within]) => [[key], ...pathsOf(within).map((path) => [key, ...path])]);
}

function withAt(value: object, [key = '', ...rest]: readonly string[], set: unknown): object {
  const next = rest.length === 0 ? set : withAt((value as Record<string, object>)[key] ?? {}, rest, set);
  return Array.isArray(value) ? value.with(Number(key), next) : { ...value, [key]: next };
}

test.each(['2026-99-99T00:00:00Z', '2026-01-01T00:00:60Z', '2026-01-01T00:00:00+99:99', 'x'.repeat(300), '+275760-09-13T00:00:00Z', ''])(
  'the time "%s" of a status is none',
  (Timestamp) => expect(bounded({ State: 'failed', Timestamp, Message: '' }).Timestamp).toBe(''),
);

test.each([
  ['2026-02-03T04:05:06.789Z', '2026-02-03T04:05:06.789Z'],
  ['2026-02-03T04:05:06.123456789+01:00', '2026-02-03T03:05:06.123Z'],
])('the time %s is taken as %s', (Timestamp, taken) => expect(bounded({ State: 'failed', Timestamp, Message: '' }).Timestamp).toBe(taken));
