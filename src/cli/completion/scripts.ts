/** What the shells are given: each hands the line that is typed to the program, which answers with what may follow. */

export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

/** The answer that stands for "files of this folder". */
export const filesWord = ':files';

const scripts: Readonly<Record<Shell, string>> = {
  bash: `# bash completion of shoal: shoal completion bash > /etc/bash_completion.d/shoal
_shoal() {
  local line=("\${COMP_WORDS[@]:1:COMP_CWORD}") current="\${COMP_WORDS[COMP_CWORD]}" found
  [ "$1" = stack ] && line=(stack "\${line[@]}")
  # An equals sign parts words here and nowhere else.
  local joined=() word
  for word in "\${line[@]}"; do
    if [ "\${#joined[@]}" -gt 0 ] && { [ "$word" = = ] || [ "\${joined[-1]: -1}" = = ]; } && [ "\${joined[-1]:0:2}" = -- ]; then joined[-1]+="$word"; else joined+=("$word"); fi
  done
  found="$(shoal __complete -- "\${joined[@]}" 2>/dev/null | cut -f1)"
  if [ "$found" = ${filesWord} ]; then compopt -o default; COMPREPLY=(); return; fi
  [ "$current" = = ] && current=
  case "\${joined[-1]}" in --*=*) found="\${found//\${joined[-1]%%=*}=/}" ;; esac
  mapfile -t COMPREPLY < <(compgen -W "$found" -- "$current")
}
complete -F _shoal shoal
complete -F _shoal stack
`,
  zsh: `#compdef shoal stack
# zsh completion of shoal: shoal completion zsh > /usr/share/zsh/vendor-completions/_shoal
_shoal() {
  local -a line found
  line=("\${(@)words[2,CURRENT]}")
  [[ $service = stack ]] && line=(stack "\${line[@]}")
  found=("\${(@f)$(shoal __complete -- "\${line[@]}" 2>/dev/null)}")
  if [[ \${found[1]} = ${filesWord} ]]; then _files; return; fi
  local -a shown
  local each
  for each in "\${found[@]}"; do [[ -n $each ]] && shown+=("\${\${each%%$'\\t'*}//:/\\\\:}:\${each#*$'\\t'}"); done
  _describe shoal shown
}
compdef _shoal shoal stack 2>/dev/null
if [ "\${funcstack[1]}" = _shoal ]; then _shoal "$@"; fi
`,
  fish: `# fish completion of shoal: shoal completion fish > /etc/fish/completions/shoal.fish
function __shoal_complete
    set -l line (commandline -opc)[2..-1] (commandline -ct)
    test (commandline -opc)[1] = stack; and set line stack $line
    set -l found (shoal __complete -- $line 2>/dev/null)
    if test "$found[1]" = ${filesWord}
        __fish_complete_path (commandline -ct)
    else
        string join \\n -- $found
    end
end
complete -c shoal -f -a '(__shoal_complete)'
complete -c stack -f -a '(__shoal_complete)'
`,
};

export function completionScript(shell: Shell): string {
  return scripts[shell];
}
