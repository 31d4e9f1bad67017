import { expect, test } from 'vitest';
import { fixedNanoseconds, lineText } from '#api/stream/log-lines';
import type { Task } from '#model/object/task';

const task = { ID: 'task1', NodeID: 'node 1', ServiceID: 'svc' } as Task;
const line = { stream: 'stdout', timestamp: '2026-01-01T00:00:00.5Z', text: 'hello\n' } as const;

test('time and details stand before the line, which always ends', () => {
  expect(lineText(line, task, { timestamps: false, details: false })).toBe('hello\n');
  expect(lineText({ ...line, text: 'cut' }, task, { timestamps: false, details: false })).toBe('cut\n');
  expect(lineText(line, task, { timestamps: true, details: true })).toBe(
    '2026-01-01T00:00:00.500000000Z com.docker.swarm.node.id=node%201,com.docker.swarm.service.id=svc,com.docker.swarm.task.id=task1 hello\n',
  );
});

test('what the driver keeps stands among the details, sorted', () => {
  expect(lineText({ ...line, details: 'zone=a,app=b' }, task, { timestamps: false, details: true })).toBe(
    'app=b,com.docker.swarm.node.id=node%201,com.docker.swarm.service.id=svc,com.docker.swarm.task.id=task1,zone=a hello\n',
  );
});

test.each([
  ['2026-01-01T00:00:00Z', '2026-01-01T00:00:00.000000000Z'],
  ['2026-01-01T00:00:00.123456789Z', '2026-01-01T00:00:00.123456789Z'],
  ['2026-01-01T01:00:00.25+01:00', '2026-01-01T00:00:00.250000000Z'],
])('%s has nine decimals', (given, expected) => expect(fixedNanoseconds(given)).toBe(expected));
