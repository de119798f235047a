export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** Each asks the program for the candidates when TAB is pressed, so it knows nothing that could be out of date. */
const SCRIPTS: Readonly<Record<Shell, string>> = {
  bash: `# Completion of cdc-lab for bash: eval "$(cdc-lab completion bash)"
_cdc_lab() {
  local IFS=$'\\n' line
  COMPREPLY=()
  while read -r line; do
    case $line in
      :files) compopt -o filenames 2>/dev/null || :; COMPREPLY=($(compgen -f -- "$2")); return ;;
      :folders) compopt -o filenames 2>/dev/null || :; COMPREPLY=($(compgen -d -- "$2")); return ;;
      ?*) COMPREPLY+=("\${line%%$'\\t'*}") ;;
    esac
  done < <("$1" complete-words bash -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _cdc_lab cdc-lab
`,
  zsh: `#compdef cdc-lab
# Completion of cdc-lab for zsh: eval "$(cdc-lab completion zsh)", after compinit
_cdc_lab() {
  local line
  local -a candidates
  for line in "\${(@f)$("\${words[1]}" complete-words zsh -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case $line in
      :files) _files; return ;;
      :folders) _files -/; return ;;
      ?*) candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}") ;;
    esac
  done
  _describe -o cdc-lab candidates
}
if [[ $funcstack[1] == _cdc_lab ]]; then _cdc_lab "$@"; else compdef _cdc_lab cdc-lab; fi
`,
  fish: `# Completion of cdc-lab for fish: cdc-lab completion fish | source
function __cdc_lab_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] complete-words fish -- $words[2..-1] 2>/dev/null)
    switch "$lines[1]"
        case ':files' ':folders'
            __fish_complete_path (commandline -ct)
        case '*'
            printf '%s\\n' $lines
    end
end
complete -c cdc-lab -f -a '(__cdc_lab_complete)'
`,
};

export function scriptOf(shell: Shell): string {
  return SCRIPTS[shell];
}

/**
 * The words of a command line as a shell of that kind hands them on, made whole: bash, unlike the others, takes
 * `--fence=none` for three words, and has only the last one replaced.
 */
export function wholeWords(
  shell: Shell,
  words: readonly string[],
): { readonly words: readonly string[]; readonly dropped: string } {
  if (shell !== 'bash') return { words, dropped: '' };
  const whole: string[] = [];
  let dropped = '';
  for (const [index, word] of words.entries()) {
    const isValue = words[index - 1] === '=' && whole.at(-1)?.endsWith('=') === true;
    const isSign = word === '=' && whole.at(-1)?.startsWith('--') === true;
    if (isValue || isSign) whole.push(`${whole.pop()}${word}`);
    else whole.push(word);
    const text = whole.at(-1) ?? '';
    dropped = isValue || isSign ? text.slice(0, text.indexOf('=') + 1) : '';
  }
  return { words: whole, dropped };
}
