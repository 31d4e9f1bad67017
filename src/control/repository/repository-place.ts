/** Where a repository may be, and what a branch may be called: nothing that git would take for another transport, an option or a pattern. */
import { Refusal } from '#base/refusal';
import { isThisMachine } from '#base/text/confidential';

/** Refuses an URL or a branch that must not reach git's command line. */
export function checkPlace(url: string, branch: string): void {
  if (!isPlace(url)) {
    throw new Refusal('invalidArgument', `"${withoutLogin(url)}" is no repository: give an absolute path, file://, https:// or ssh://`);
  }
  checkBranch(branch);
}

/** Of the URL of a repository that the cluster holds itself. */
export const hostedScheme = 'cluster:';

export function checkBranch(branch: string): void {
  if (!isBranch(branch)) throw new Refusal('invalidArgument', `"${branch}" is no name of a branch`);
}

function isPlace(url: string): boolean {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase();
  const remote = scheme !== undefined && url.startsWith(`${scheme}://`);
  const scpLike = !remote && /^[^/:-][^/:]*@[^/:-][^/:]*:[^:]/.test(url);
  // In plain text nobody knows who answers: only where the words do not leave the machine.
  const host = /^[a-z]+:\/\/(?:[^/@]*@)?(\[[^\]/]*\]|[^:/]*)(?::\d+)?(?:\/|$)/i.exec(url)?.[1];
  const plain = remote && (scheme === 'http' || scheme === 'git') && host !== undefined && isThisMachine(host);
  const known = remote ? plain || ['https', 'ssh', 'file'].includes(scheme) : scpLike || url.startsWith('/');
  // A host that begins with a dash would be an option of ssh.
  const dashed = /^[a-z]+:\/\/([^/@]*@)?-/i.test(url);
  return known && !dashed && !/[\u0000-\u001f]/.test(url) && !url.includes('::');
}

/** Refuses what is not followed: a name that git would not take, or a range that is none, in any of its alternatives. Whether a tag is within it is seen when tags are looked at. */
export function checkTracked(ref: string | undefined, semver: string | undefined): void {
  if (ref !== undefined && semver !== undefined) throw new Refusal('invalidArgument', 'a ref and a range of versions are one or the other');
  if (ref !== undefined && !isBranch(ref)) throw new Refusal('invalidArgument', `"${ref}" is no name of a branch or a tag, and no commit`);
  if (semver !== undefined && !isRange(semver)) throw new Refusal('invalidArgument', `"${semver.slice(0, 100)}" is no range of versions`);
}

const number = /(?:0|[1-9]\d{0,14})/.source;
const any = /[xX*]/.source;
/** A version, or as much of one as is said. */
const version = `v?(?:${any}(?:\\.${any}){0,2}|${number}(?:\\.(?:${number}|${any})(?:\\.(?:${number}|${any})(?:-[\\w.-]+)?(?:\\+[\\w.-]+)?)?)?)`;
const bound = `(?:[<>]=?|=|~>?|\\^)? ?${version}`;
/** From one to another, or all bounds at once. */
const alternative = new RegExp(`^(?:${version} - ${version}|${bound}(?: ${bound})*)$`);
const longestRange = 100;

/** What the packages of Node call a range: each of its alternatives has to be one. */
function isRange(text: string): boolean {
  return text.length <= longestRange && text.split('||').every((each) => alternative.test(each.trim().replaceAll(/\s+/g, ' ')));
}

/** Git's own rules (git-check-ref-format). */
function isBranch(branch: string): boolean {
  const parts = branch.split('/');
  if (branch.startsWith('-') || branch === '@' || branch.endsWith('.') || /[\u0000-\u0020\u007f~^:?*[\\]|\.\.|@\{/.test(branch)) return false;
  return parts.every((part) => part !== '' && !part.startsWith('.') && !part.endsWith('.lock'));
}

/** A text without the logins in its URLs: they are often tokens. */
export function withoutLogin(text: string): string {
  return text.replaceAll(/:\/\/[^/@\s]*@/g, '://');
}
