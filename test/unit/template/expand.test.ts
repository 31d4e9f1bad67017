/** Go templates: what is said here was seen with Go's own text/template. */
import { describe, expect, test } from 'vitest';
import { TemplateBudget } from '#template/budget';
import { TemplateError } from '#template/error';
import { expandTemplate } from '#template/expand';

const data = {
  Name: 's1',
  Image: 'web:2',
  Empty: '',
  Count: 3,
  List: ['a', 'b', 'c'],
  None: [],
  Map: { y: 2, x: 1 },
  Ports: [{ Port: 80 }, { Port: 443 }],
  Label: (key: unknown) => `label ${String(key)}`,
};
const expand = (text: string) => expandTemplate(text, { data, functions: { split: (text_, by) => String(text_).split(String(by)) }, missing: 'error' });

describe('gives', () => {
  test.each([
    ['plain', 'plain'],
    ['{{"x"}}{{`{{raw}}`}}{{1.5}}{{true}}', 'x{{raw}}1.5true'],
    ['{{/* gone */}}x{{- /* too */ -}} y', 'xy'],
    ['{{$x := .Name}}{{$x}}{{- "  a" -}}  b', 's1  ab'],
    ['{{$x := 1}}{{if true}}{{$x = 2}}{{$y := 3}}{{end}}{{$x}}', '2'],
    ['{{if .Empty}}a{{else if eq .Count 3}}b{{else}}c{{end}}', 'b'],
    ['{{if not .None}}empty{{end}}{{if and .Name .Count}}both{{end}}{{if or .Empty .None}}no{{end}}', 'emptyboth'],
    ['{{and .Name ""}}|{{or "" .Name}}|{{not .Name}}', '|s1|false'],
    ['{{and .None (index .None 0)}}', '[]'],
    ['{{with .Name}}{{.}}{{else}}n{{end}}{{with .Empty}}{{.}}{{else}}n{{end}}', 's1n'],
    ['{{range .Ports}}{{.Port}}{{$.Name}} {{end}}', '80s1 443s1 '],
    ['{{range $i, $e := split .Image ":"}}{{$i}}={{$e}} {{end}}', '0=web 1=2 '],
    ['{{range $k, $v := .Map}}{{$k}}{{$v}}{{end}}{{range .None}}x{{else}}none{{end}}', 'x1y2none'],
    ['{{range .List}}{{if eq . "b"}}{{continue}}{{end}}{{if eq . "c"}}{{break}}{{end}}{{.}}{{end}}', 'a'],
    ['{{eq .Name "x" "s1"}} {{ne .Count 3}} {{lt .Count 4}} {{ge "b" "a"}}', 'true false true true'],
    ['{{len .Name}}{{len .List}}{{index .List 1}}{{index .Map "x"}}{{index .Map "zz"}}{{(index .Ports 1).Port}}', '23b1443'],
    ['{{slice .Image 0 3}}{{.List}}{{.Map}}', 'web[a b c]map[x:1 y:2]'],
    ['{{printf "%q %v %5s|%-5s|%d %05.1f %t %%" .Name .Image .Name .Name .Count 2.25 true}}', '"s1" web:2    s1|s1   |3 002.3 true %'],
    ['{{printf "%d" .Name}}{{printf "%s"}}{{printf "x" 1}}', '%!d(string=s1)%!s(MISSING)x%!(EXTRA int=1)'],
    ['{{.Name | printf "%s-%s" "a"}}{{println .Name 1}}', 'a-s1s1 1\n'],
    ['{{.Label "k"}} {{"k" | .Label}}', 'label k label k'],
    ['{{if false}}{{.Nope}}{{end}}', ''],
  ])('%s', (text, expected) => {
    expect(expand(text)).toBe(expected);
  });
});

describe('refuses', () => {
  test.each([
    ['{{.Nope}}', 'template: :1: executing "" at <.Nope>: can\'t evaluate field Nope'],
    ['{{.Name.Foo}}', 'executing "" at <.Name.Foo>: can\'t evaluate field Foo'],
    ['{{nope .Name}}', 'template: :1: function "nope" not defined'],
    ['{{if false}}{{nope}}{{end}}', 'function "nope" not defined'],
    ['{{.Name', 'template: :1: unclosed action'],
    ['{{/* a {{/* b', 'template: :1: unclosed comment'],
    ['{{/* a */ b */}}', 'template: :1: comment ends before closing delimiter'],
    [Array.from({ length: 257 }, (_, at) => `{{$v${at} := 1}}`).join(''), 'more than 256 variables are declared in one place'],
    ['{{if .Name}}x', 'template: :1: unexpected EOF'],
    ['{{if .Name}}x{{else}}y', 'template: :1: unexpected EOF'],
    ['{{end}}', 'template: :1: unexpected {{end}}'],
    ['{{lt .Name 3}}', 'executing "" at <lt .Name 3>: error calling lt: incompatible types for comparison'],
    ['{{index .List 10}}', 'executing "" at <index .List 10>: error calling index: index out of range: 10'],
    ['{{range .Name}}x{{end}}', 'executing "" at <.Name>: range can\'t iterate over s1'],
    ['{{}}', 'template: :1: missing value for command'],
    ['{{ $y }}', 'template: :1: undefined variable "$y"'],
    ['{{if true}}{{$y := 1}}{{end}}{{$y}}', 'undefined variable "$y"'],
    ['{{1 2}}', 'executing "" at <1>: can\'t give argument to non-function 1'],
    ['{{"a" | 3}}', 'template: :1: non executable command in pipeline stage 2'],
    ['{{break}}', '{{break}} outside {{range}}'],
    ['{{(len "a"}}', 'unclosed left paren'],
    ['{{define "x"}}{{end}}', '{{define}} is not supported'],
    [`{{${'('.repeat(100_000)}}}`, 'nested too deeply'],
  ])('%s', (text, message) => {
    expect(() => expand(text)).toThrow(TemplateError);
    expect(() => expand(text)).toThrow(message);
  });
});

test('fields that are absent print as Go has it, where they may be', () => {
  const lenient = (text: string) => expandTemplate(text, { data, functions: {}, missing: 'absent' });
  expect(lenient('{{.Nope.Deep}}|{{if .Nope}}x{{end}}{{len .Nope}}{{range .Nope}}x{{end}}')).toBe('<no value>|0');
  expect(lenient('{{.constructor}}')).toBe('<no value>');
});

describe('with a budget a template ends', () => {
  const labels = Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`l${at}`, 'x']));
  const bounded = (text: string): string => expandTemplate(text, { data: { Labels: labels }, functions: {}, missing: 'error', budget: new TemplateBudget() });
  const ranges = (depth: number, inner: string): string => `${'{{range $.Labels}}'.repeat(depth)}${inner}${'{{end}}'.repeat(depth)}`;
  const doubled = `{{$a := "0123456789"}}${'{{$a = print $a $a}}'.repeat(24)}`;

  test.each([
    ['that multiplies its rounds', ranges(10, 'x'), 'template: more than 20000 steps'],
    ['that multiplies rounds that say nothing', ranges(10, ''), 'template: more than 20000 steps'],
    [
      'whose rounds take many variables along',
      `${Array.from({ length: 200 }, (_, at) => `{{$v${at} := 1}}`).join('')}${ranges(2, '')}`,
      'template: more than 20000 steps',
    ],
    ['whose rounds weigh many operands', ranges(2, `{{and ${'1 '.repeat(200)}}}`), 'template: more than 20000 steps'],
    ['that doubles a text', doubled, 'template: handles more than 4194304 characters'],
    ['that looks at a long text often', `${doubled.slice(0, -9 * 20)}${ranges(3, '{{$n := len $a}}')}`, 'template: handles more than 4194304 characters'],
    ['that prints all it knows often', ranges(3, '{{$.Labels}}'), 'template: more than 20000 steps'],
  ])('%s', (_what, text, refusal) => {
    expect(() => bounded(text)).toThrow(refusal);
  });

  test('and what people write does not', () => {
    expect(bounded(ranges(2, 'x'))).toHaveLength(400);
    expect(bounded('{{range $k, $v := .Labels}}{{printf "%s=%s " $k $v}}{{end}}')).toContain('l19=x');
  });

  test('with all that were carried out before', () => {
    const budget = new TemplateBudget();
    const scope = { data: { Labels: labels }, functions: {}, missing: 'error', budget } as const;
    expect(expandTemplate(ranges(2, ''), scope)).toBe('');
    const again = (): void => {
      for (let times = 0; times < 50; times++) expandTemplate(ranges(2, ''), scope);
    };
    expect(again).toThrow('template: more than 20000 steps');
  });
});
