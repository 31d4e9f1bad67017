/** Carries out a template over plain data: the part of Go's text/template that docker's and SwarmKit's users write. */
import { compareTexts } from '#base/text/text';
import type { TemplateBudget } from './budget.ts';
import { TemplateError } from './error.ts';
import { builtins, isTrue, type TemplateFunction } from './functions.ts';
import { parseTemplate, type BlockNode, type TemplateNode } from './parse.ts';
import type { Command, Operand, Pipe } from './pipe.ts';
import { textOf } from './text.ts';

export interface TemplateScope {
  /** What `.` means. A field may be a function, called with what follows it: `{{.Label "x"}}`. */
  data: unknown;
  /** Beside Go's own; they win over those of the same name. */
  functions: Readonly<Record<string, TemplateFunction>>;
  /** Fields that are not there: an error, or absent, printed as `<no value>`. */
  missing: 'error' | 'absent';
  /** Absent: it is the user's own process that carries it out. */
  budget?: TemplateBudget;
}

interface Frame {
  scope: TemplateScope;
  dot: unknown;
  variables: Map<string, { value: unknown }>;
}

type Signal = 'break' | 'continue' | undefined;

/** `template` with its `{{ … }}` carried out. Throws TemplateError. */
export function expandTemplate(template: string, scope: TemplateScope): string {
  if (!template.includes('{{')) return template;
  const { budget } = scope;
  budget?.take(template.split('{{').length);
  budget?.handle(template);
  try {
    const nodes = parseTemplate(template, new Set(['and', 'or', ...Object.keys(builtins), ...Object.keys(scope.functions)]));
    const output: string[] = [];
    run(nodes, { scope, dot: scope.data, variables: new Map([['$', { value: scope.data }]]) }, output);
    return output.join('');
  } catch (error) {
    // Parentheses and blocks are read by recursion: a hostile depth of them ends here and not the process.
    if (error instanceof RangeError) throw new TemplateError('template: nested too deeply');
    throw error;
  }
}

function run(nodes: readonly TemplateNode[], frame: Frame, output: string[]): Signal {
  const { budget } = frame.scope;
  for (const node of nodes) {
    budget?.take(1);
    if (node.kind === 'break' || node.kind === 'continue') return node.kind;
    if (node.kind === 'text') {
      budget?.handle(node.text);
      output.push(node.text);
    } else if (node.kind === 'pipe') {
      const value = evaluate(node.pipe, frame);
      if (node.pipe.variables.length > 0) continue;
      budget?.handle(value);
      output.push(textOf(value));
    } else {
      const signal = runBlock(node, frame, output);
      if (signal) return signal;
    }
  }
  return undefined;
}

function runBlock(node: BlockNode, frame: Frame, output: string[]): Signal {
  const inner = within(frame);
  if (node.kind === 'range') return runRange(node, inner, output);
  const value = evaluate(node.pipe, inner);
  if (!isTrue(value)) return run(node.otherwise, inner, output);
  return run(node.body, node.kind === 'with' ? { ...inner, dot: value } : inner, output);
}

function runRange(node: BlockNode, frame: Frame, output: string[]): Signal {
  const { variables, declares } = node.pipe;
  const listed = evaluate({ ...node.pipe, variables: [] }, frame);
  frame.scope.budget?.handle(listed);
  const entries = entriesOf(listed, node.pipe);
  if (entries.length === 0) return run(node.otherwise, frame, output);
  const [keyName, valueName] = variables.length === 2 ? variables : [undefined, variables[0]];
  for (const [key, value] of entries) {
    const inner: Frame = { ...within(frame), dot: value };
    if (keyName !== undefined) setVariable(inner, keyName, key, declares);
    if (valueName !== undefined) setVariable(inner, valueName, value, declares);
    if (run(node.body, inner, output) === 'break') break;
  }
  return undefined;
}

/** A block has variables of its own beside those around it. */
function within(frame: Frame): Frame {
  frame.scope.budget?.take(1 + frame.variables.size);
  return { ...frame, variables: new Map(frame.variables) };
}

function entriesOf(value: unknown, pipe: Pipe): readonly (readonly [unknown, unknown])[] {
  if (value === undefined || value === null) return [];
  if (Array.isArray(value)) return [...value.entries()];
  if (typeof value === 'object') return Object.entries(value).toSorted(([a], [b]) => compareTexts(a, b));
  throw executing(pipe.commands[0]?.[0], `range can't iterate over ${textOf(value)}`);
}

/** `=` changes the variable where it was declared, `:=` makes a new one in this block. */
function setVariable(frame: Frame, name: string, value: unknown, declares: boolean): void {
  const present = frame.variables.get(name);
  if (present && !declares) present.value = value;
  else frame.variables.set(name, { value });
}

/** `a | f x | g`: each value becomes the last argument of the next command. */
function evaluate(pipe: Pipe, frame: Frame): unknown {
  frame.scope.budget?.take(pipe.commands.length);
  let piped: unknown[] = [];
  for (const command of pipe.commands) piped = [runCommand(command, frame, piped)];
  const name = pipe.variables[0];
  if (name !== undefined) setVariable(frame, name, piped[0], pipe.declares);
  return piped[0];
}

function runCommand([first, ...rest]: Command, frame: Frame, piped: readonly unknown[]): unknown {
  if (first.kind === 'function' && (first.name === 'and' || first.name === 'or')) return choose(first.name, rest, frame, piped);
  const callee = first.kind === 'function' ? (frame.scope.functions[first.name] ?? builtins[first.name]) : valueOf(first, frame);
  if (typeof callee !== 'function') {
    if (rest.length > 0 || piped.length > 0) throw executing(first, `can't give argument to non-function ${first.source}`);
    return callee;
  }
  const { budget } = frame.scope;
  const values: unknown[] = [];
  for (const operand of rest) values.push(plain(operand, frame));
  values.push(...piped);
  budget?.take(1 + values.length);
  for (const value of values) budget?.handle(value);
  try {
    const result = (callee as TemplateFunction)(...values);
    budget?.handle(result);
    return result;
  } catch (error) {
    if (!(error instanceof TemplateError) || error.message.startsWith('template:')) throw error;
    throw executing(first, `error calling ${first.source}: ${error.message}`, [first, ...rest]);
  }
}

/** Stops at the first value that decides. */
function choose(name: 'and' | 'or', operands: readonly Operand[], frame: Frame, piped: readonly unknown[]): unknown {
  let value: unknown = piped[0];
  for (const operand of operands) {
    frame.scope.budget?.take(1);
    value = plain(operand, frame);
    if (isTrue(value) === (name === 'or')) return value;
  }
  return piped.length > 0 ? piped[0] : value;
}

/** An operand as an argument: a function there is called with nothing. */
function plain(operand: Operand, frame: Frame): unknown {
  return operand.kind === 'function' ? runCommand([operand], frame, []) : called(valueOf(operand, frame));
}

function called(value: unknown): unknown {
  return typeof value === 'function' ? (value as TemplateFunction)() : value;
}

function valueOf(operand: Exclude<Operand, { kind: 'function' }>, frame: Frame): unknown {
  if (operand.kind === 'literal') return operand.value;
  if (operand.kind === 'dot') return follow(frame.dot, operand, frame);
  if (operand.kind === 'variable') return follow(frame.variables.get(operand.name)?.value, operand, frame);
  return follow(evaluate(operand.pipe, frame), operand, frame);
}

function follow(start: unknown, operand: { path: readonly string[]; source: string }, frame: Frame): unknown {
  let value = start;
  for (const name of operand.path) {
    value = called(value);
    const present = typeof value === 'object' && value !== null && Object.hasOwn(value, name);
    if (!present && (frame.scope.missing === 'error' || typeof value === 'string')) throw executing(operand, `can't evaluate field ${name}`);
    value = present ? (value as Record<string, unknown>)[name] : undefined;
  }
  return value;
}

function executing(at: { source: string } | undefined, message: string, whole: readonly { source: string }[] = at ? [at] : []): TemplateError {
  return new TemplateError(`template: :1: executing "" at <${whole.map((operand) => operand.source).join(' ')}>: ${message}`);
}
