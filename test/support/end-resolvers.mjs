/** Ends the resolvers that daemons left in a run folder. Plain Node, no packages. */
import { existsSync, readdirSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';

/**
 * @param {string} folder a run folder, there or not
 * @param {string} [only] the daemon whose resolver is meant; all without it
 */
export async function endResolvers(folder, only) {
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const instance = /^resolver-?(.*)\.sock$/.exec(name)?.[1];
    if (instance !== undefined && (only ?? instance) === instance) await endOne(join(folder, name), instance);
  }
}

/**
 * Says who we are as its daemon does, then that it is over; resolves when the line is closed.
 * @param {string} path @param {string} instance
 */
function endOne(path, instance) {
  return new Promise((resolve) => {
    const line = connect(path, () => {
      line.write(`${JSON.stringify({ type: 'hello', protocol: 1, instance, owner: '' })}\n${JSON.stringify({ type: 'end' })}\n`);
    });
    line.on('error', () => undefined);
    line.on('data', () => undefined);
    line.once('close', resolve);
    setTimeout(() => line.destroy(), 5000).unref();
  });
}
