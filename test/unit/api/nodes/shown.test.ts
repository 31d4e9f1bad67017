/** What a node shows of its containers: a table, and ids by which commands are found again. */
import { expect, test } from 'vitest';
import { remoteExec, remoteExecId } from '#api/nodes/exec-id';
import { pathOf, shownBy } from '#api/nodes/shown';

const id = 'a'.repeat(64);

test('logs, state, figures and processes of a container are shown, and commands in it', () => {
  const asked = [
    ['GET', `/containers/${id}/json`],
    ['GET', '/containers/web.1.abc/logs'],
    ['GET', `/containers/${id}/stats`],
    ['GET', `/containers/${id}/top`],
    ['POST', `/containers/${id}/exec`],
    ['POST', `/exec/${id}/start`],
    ['POST', `/exec/${id}/resize`],
    ['GET', `/exec/${id}/json`],
  ] as const;
  for (const [method, path] of asked) {
    const shown = shownBy(method, path);
    expect([path, shown && pathOf(shown)]).toEqual([path, path]);
  }
});

test('nothing else is, in whatever spelling', () => {
  const asked = [
    ['POST', `/containers/${id}/stop`],
    ['POST', `/containers/${id}/kill`],
    ['POST', `/containers/${id}/attach`],
    ['GET', `/containers/${id}/attach/ws`],
    ['GET', `/containers/${id}/archive`],
    ['PUT', `/containers/${id}/archive`],
    ['GET', `/containers/${id}/export`],
    ['DELETE', `/containers/${id}`],
    ['POST', `/containers/${id}/update`],
    ['POST', `/containers/${id}/json`],
    ['GET', `/containers/${id}/exec`],
    ['GET', `/exec/${id}/start`],
    ['GET', '/containers/json'],
    ['POST', '/containers/create'],
    ['GET', '/containers/a/b/json'],
    ['GET', '/containers//json'],
    ['GET', '/containers/x/JSON'],
    ['GET', '/info'],
    ['GET', '/images/x/json'],
    ['GET', '/tasks'],
    ['GET', `/containers/${id}/json/`],
  ] as const;
  for (const [method, path] of asked) expect([method, path, shownBy(method, path)]).toEqual([method, path, undefined]);
});

test('a command elsewhere is found by its id alone; an id of this host is none', () => {
  const place = { execId: id, nodeId: '2aqb6jfe2qs3nj7oz2jnoetbf' };
  expect(remoteExec(remoteExecId(place))).toEqual(place);
  for (const local of [id, 'a'.repeat(12), '', `${id}-`, `-${place.nodeId}`, `${id}-A/../b`]) expect(remoteExec(local)).toBeUndefined();
});
