import { expect, test } from 'vitest';
import { joinFacets } from '#network/node-network';
import { recordedParts } from '../../support/recording-network.ts';

test('of a task of which nothing is left no part keeps anything', () => {
  const parts = recordedParts();
  joinFacets(parts).detached('t1');
  expect([parts.bridges.gone, parts.ports.gone, parts.names.gone]).toEqual([['t1'], ['t1'], ['t1']]);
});
