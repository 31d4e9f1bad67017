import { expect, test } from 'vitest';
import { deployStack } from '#control/stack/stacks';
import { initialisedCluster } from '#test/support/memory-cluster';
import { stackSpec } from '../specs.ts';

test('networks without end are refused', () => {
  const Networks = Array.from({ length: 257 }, (_, at) => ({ Name: `shop_n${at}` }));
  const deploy = deployStack(stackSpec({ Networks }), { source: { Kind: 'deploy' }, prune: false });
  expect(() => initialisedCluster().run(deploy)).toThrow('257 networks are more than the 256 that a stack may make');
});
