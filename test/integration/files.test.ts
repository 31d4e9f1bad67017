/** Secret files where the run folder lies on a disk: a tmpfs is mounted there first. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { TaskFiles } from '#engine/mounts/secret-files';
import { makeSecret, makeTask } from '#test/support/worker';

const reason = process.getuid?.() === 0 ? undefined : 'needs root to mount';
const tmpfsMagic = 0x01021994;

describe.skipIf(reason !== undefined)(reason ? `files (skipped: ${reason})` : 'files', () => {
  let parent = '';
  afterEach(() => {
    execFileSync('sh', ['-c', `umount ${join(parent, 'node1')} 2>/dev/null; true`]);
    rmSync(parent, { recursive: true, force: true });
  });

  function taskWith(UID: string) {
    return makeTask('t1', { Secrets: [{ SecretID: 's1', SecretName: 'pw', File: { Name: 'pw', UID, GID: '8', Mode: 0o4640 } }] });
  }

  test('a folder on a disk becomes a tmpfs', async () => {
    parent = mkdtempSync(join(tmpdir(), 'shoal-files-'));
    expect((await statfs(parent)).type, 'the temporary folder is a tmpfs already: this shows nothing').not.toBe(tmpfsMagic);
    const files = new TaskFiles(join(parent, 'node1'));
    expect(await files.write(taskWith('7'), [makeSecret('s1', 'pw', 'hush')], [])).toEqual({ ok: true });
    expect((await statfs(files.folder)).type).toBe(tmpfsMagic);
    const path = files.path('t1', 'secret', 0);
    const { uid, gid, mode } = statSync(path);
    expect([uid, gid, mode & 0o7777, readFileSync(path, 'utf8')]).toEqual([7, 8, 0o4640, 'hush']);
    expect(statSync(join(files.folder, 't1')).mode & 0o777).toBe(0o700);
    await files.prune(new Set(['t1']));
    expect(readdirSync(files.folder)).toEqual(['t1']);
    await files.prune(new Set());
    expect(readdirSync(parent), 'the tmpfs goes with the last file').toEqual([]);
    expect(await files.write(taskWith('7'), [makeSecret('s1', 'pw', 'hush')], [])).toEqual({ ok: true });
    expect((await statfs(files.folder)).type).toBe(tmpfsMagic);
  });

  test('an owner that is no number is refused', async () => {
    parent = mkdtempSync('/dev/shm/shoal-files-');
    const files = new TaskFiles(join(parent, 'node1'));
    expect(await files.write(taskWith('root'), [], [])).toMatchObject({ ok: false, permanent: true, message: expect.stringContaining('invalid owner root:8') });
  });

  test('a place where nothing can be mounted is refused with the reason', async () => {
    const files = new TaskFiles('/dev/null/shoal');
    expect(await files.write(taskWith('7'), [], [])).toMatchObject({
      ok: false,
      permanent: true,
      message: expect.stringMatching(/need a tmpfs at \/dev\/null\/shoal/),
    });
  });
});
