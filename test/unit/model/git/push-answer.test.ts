import { expect, test } from 'vitest';
import { PushAnswer, pushedCommit, shownLine } from '#model/git/push-answer';

const packet = (content: string): string => `${(content.length + 4).toString(16).padStart(4, '0')}${content}`;
const report = (...lines: string[]): string => packet(`\u0001${lines.map((line) => packet(line)).join('')}0000`);
const bytes = (text: string): Buffer => Buffer.from(text, 'latin1');
const good = report('unpack ok\n', 'ok refs/heads/main\n');

test('whole packets alone go out, however the answer is cut into parts, and all of it does in the end', () => {
  const all = bytes(`${packet('\u0002plan\n')}${good}${packet('\u0002web 1/3\n')}0000`);
  for (const size of [1, 3, 7, all.length]) {
    const answer = new PushAnswer();
    const out: Uint8Array[] = [];
    for (let at = 0; at < all.length; at += size) {
      out.push(answer.take(all.subarray(at, at + size)));
      // What is out so far ends with a packet: a line of ours may come next.
      expect(new PushAnswer().take(Buffer.concat(out))).toEqual(Buffer.concat(out));
    }
    expect(Buffer.concat(out)).toEqual(all);
    // It has ended: there is nothing to mend.
    expect(answer.taken).toBe(false);
  }
});

test('a push is known to be taken by git’s own report, and by nothing that a hook prints', () => {
  const taken = (...parts: string[]): boolean => {
    const answer = new PushAnswer();
    for (const part of parts) answer.take(bytes(part));
    return answer.taken;
  };
  expect(taken(packet('\u0002plan\n'), good, packet('\u0002web 1/3\n'), '00')).toBe(true);
  expect(taken(packet(`\u0002${good}`))).toBe(false);
  expect(taken(report('unpack ok\n', 'ng refs/heads/main pre-receive hook declined\n'))).toBe(false);
  expect(taken(report('unpack index-pack abnormal exit\n', 'ng refs/heads/main unpacker error\n'))).toBe(false);
});

test('an answer of another kind is handed on as it comes', () => {
  for (const text of [packet('unpack ok\n'), 'zzzz', '0003', `${packet('\u0002x')}0000more`]) {
    const answer = new PushAnswer();
    expect([Buffer.from(answer.take(bytes(text))).toString('latin1'), answer.taken]).toEqual([text, false]);
    expect(answer.take(bytes('rest'))).toEqual(bytes('rest'));
  }
});

test('what is pushed stands at the beginning of what is sent', () => {
  const [before, after] = ['0'.repeat(40), 'ab'.repeat(20)];
  expect(pushedCommit(bytes(packet(`${before} ${after} refs/heads/main\u0000 report-status side-band-64k`)))).toBe(after);
  expect(pushedCommit(bytes('0000'))).toBeUndefined();
  expect(Buffer.from(shownLine('häuser')).toString()).toBe('000d\u0002häuser\n');
});
