/** What people encrypt for the cluster without age or SOPS is what the cluster opens. */
import { expect, test } from 'vitest';
import { newOpener } from '../../../../src/gitops/worker/sealed/opener.ts';
import { sealingFor } from '#control/repository/repository-sealing';
import { run } from '#test/support/cli-world';
import { testIdentity, testRecipient } from '#test/support/sealed-files';

test('the public key is shown, the private one never, and a sealed file is opened by it', async () => {
  expect((await run(['secret', 'pubkey'])).shown).toBe(`${testRecipient}\n`);
  for (const words of [['info'], ['secret', 'pubkey']]) expect((await run(words)).shown).not.toContain('AGE-SECRET-KEY');
  const { shown, asked } = await run(['secret', 'seal', 'TEXT']);
  const opened = await newOpener(testIdentity).open('text', Buffer.from(shown));
  expect('bytes' in opened && Buffer.from(opened.bytes).toString()).toBe('TAG=7\n');
  // Nothing of the file is sent anywhere.
  expect(asked.join()).not.toContain('TAG');
});

test('with --repo it is for that repository alone, which must be there', async () => {
  const own = sealingFor({ Identity: testIdentity }, 'infra');
  expect((await run(['secret', 'pubkey', '--repo', 'infra'])).shown).toBe(`${own.Recipient}\n`);
  const { shown } = await run(['secret', 'seal', '--repo', 'infra', 'TEXT']);
  expect(await newOpener(testIdentity).open('text', Buffer.from(shown))).toMatchObject({ error: expect.stringContaining('not encrypted for this cluster') });
  expect('bytes' in (await newOpener(own.Identity).open('text', Buffer.from(shown)))).toBe(true);
  expect(await run(['secret', 'seal', '--repo', 'nowhere', 'TEXT'])).toMatchObject({ code: 1, shown: expect.stringContaining('repository nowhere not found') });
});

test('what cannot be read or written is said', async () => {
  expect(await run(['secret', 'seal', '/nonexistent/file'])).toMatchObject({ code: 1, shown: expect.stringContaining('no such file') });
  expect(await run(['secret', 'seal', '-o', '/nonexistent/file', 'TEXT'])).toMatchObject({
    code: 1,
    shown: expect.stringContaining('--output cannot be written'),
  });
});
